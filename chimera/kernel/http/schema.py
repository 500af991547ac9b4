"""OpenAPI: what every call can answer besides its own success, and the shape of pages."""

from functools import cache
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from chimera.kernel.http.problem import CONTENT_TYPE, Problem

PROBLEMS = {
    "400": "The body is not one JSON object.",
    "401": "No identity, or one that is not known.",
    "403": "Your role or token may not do this.",
    "404": "No such thing in your tenant.",
    "405": "There is no such method here.",
    "406": "Only application/json is answered.",
    "409": "It is in another state, or somebody was first.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "Well formed, but it cannot be.",
    "503": "Busy or away; nothing was changed; try again after Retry-After.",
}


class Schema(AutoSchema):
    """Adds the problems that any door may answer, the parameters that it knows, and the Idempotency-Key of every POST."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            for status, meaning in PROBLEMS.items():
                operation["responses"].setdefault(status, self._problem(meaning))
        return operation

    def _problem(self, meaning: str) -> dict[str, Any]:
        component = self.resolve_serializer(Problem, "response")
        return {"description": meaning, "content": {CONTENT_TYPE: {"schema": component.ref}}}

    def get_override_parameters(self) -> list[Any]:
        declared = list(super().get_override_parameters())
        if self.method == "GET":
            declared += getattr(self.view, "knows", ())
        if self.method == "POST" and not getattr(self.view, "own_transactions", False):
            meaning = "The same key and body give the same answer for 24 hours."
            declared.append(OpenApiParameter("Idempotency-Key", str, "header", description=meaning))
        if self.method == "PATCH":
            meaning = (
                "The version that was read; 409 `stale` when it is another by now. The body's version does the same."
            )
            declared.append(OpenApiParameter("If-Match", str, "header", description=meaning))
        return declared


def paged(*filters: str) -> list[OpenApiParameter]:
    """The query parameters of a list, for a door's `knows`."""
    shared = [
        OpenApiParameter("cursor", str, description="`next` of the page before."),
        OpenApiParameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": settings.PAGE_MAX},
            description="Rows of a page; 50 unless told.",
        ),
    ]
    return [*(OpenApiParameter(name, str) for name in filters), *shared]


@cache
def page_of(shape: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """{results: [shape], next: cursor or null}."""
    fields = {"results": shape(many=True), "next": serializers.CharField(allow_null=True)}
    return type(f"{shape.__name__}Page", (serializers.Serializer,), fields)


class MoneyScheme(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Money is a decimal string, in requests and answers."""

    target_class = "chimera.kernel.http.parsing.MoneyField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[0-9]{1,10}(\.[0-9]{1,6})?$", "examples": ["12.50"]}
