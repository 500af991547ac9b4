"""The doors of personas: add, list, read, compare, retire."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.pages import page
from chimera.kernel.http.parsing import MarkdownParser, StrictJSONParser
from chimera.kernel.http.permissions import ANYONE, OPERATORS
from chimera.kernel.http.schema import page_of
from memory import shapes
from memory.actions import personas
from memory.limits import VERSIONS_MAX
from memory.models import Persona as Row
from memory.serializers.personas import (
    NewPersona,
    PersonaDetailShape,
    PersonaShape,
    PersonaVersionShape,
    RetireBody,
    VersionAsked,
    VersionsAsked,
)


class Personas(Door):
    allow: ClassVar = {"GET": ANYONE, "POST": OPERATORS}
    knows: ClassVar = (VersionsAsked,)
    parser_classes = (StrictJSONParser, MarkdownParser)

    @extend_schema(operation_id="personas_list", responses=page_of(PersonaShape))
    def get(self, request: Call) -> Response:
        """Newest first, also those that are retired."""
        return page(Row.objects.all(), request, lambda found: list(PersonaShape(found, many=True).data))

    @extend_schema(
        operation_id="personas_create",
        request={"application/json": NewPersona, "text/markdown": OpenApiTypes.STR},
        responses={200: PersonaDetailShape, 201: PersonaDetailShape},
    )
    def post(self, request: Call) -> Response:
        """Make a SOUL.md the current version of its persona: 201, and 200 for a text that it has had before."""
        said: Any = request.data
        body = NewPersona(data={"soul": said} if isinstance(said, str) else said)
        body.is_valid(raise_exception=True)
        version, is_new = personas.add(text=body.validated_data["soul"], by=request.user.actor)
        return Response(shapes.persona(version.persona, version), status=201 if is_new else 200)


class Persona(Door):
    allow: ClassVar = {"GET": ANYONE}

    @extend_schema(operation_id="personas_read", responses=PersonaDetailShape)
    def get(self, request: Call, persona_id: str) -> Response:
        """Its current version."""
        row = Row.objects.get_or_refuse(persona_id)
        return Response(shapes.persona(row, personas.version_of(row)))


class PersonaVersions(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = (VersionsAsked,)

    @extend_schema(operation_id="personas_versions", responses=page_of(PersonaVersionShape))
    def get(self, request: Call, persona_id: str) -> Response:
        rows = Row.objects.get_or_refuse(persona_id).versions.all()
        return page(rows, request, lambda found: list(PersonaVersionShape(found, many=True).data))


class PersonaVersion(Door):
    allow: ClassVar = {"GET": ANYONE}
    knows: ClassVar = (VersionAsked,)

    @extend_schema(operation_id="personas_version", responses=PersonaDetailShape)
    def get(self, request: Call, persona_id: str, number: str) -> Response:
        said = VersionAsked(data=request.query_params.dict())
        said.is_valid(raise_exception=True)
        other = said.validated_data.get("against")
        row = Row.objects.get_or_refuse(persona_id)
        against = personas.version_of(row, other) if other else None
        return Response(shapes.persona(row, personas.version_of(row, _number(number)), against=against))


class PersonaRetire(Door):
    allow: ClassVar = {"POST": OPERATORS}

    @extend_schema(operation_id="personas_retire", request=RetireBody, responses=PersonaShape)
    def post(self, request: Call, persona_id: str) -> Response:
        """No context begins with it any more; its versions stay to be read."""
        body = RetireBody(data=request.data)
        body.is_valid(raise_exception=True)
        row = personas.retire(key=persona_id, reason=body.validated_data["reason"], by=request.user.actor)
        return Response(PersonaShape(row).data)


def _number(said: str) -> int:
    """What stands in an address; 0, which no version has, for what is no number of one."""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= len(str(VERSIONS_MAX)) else 0
