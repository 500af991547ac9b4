"""Statements: what was asked for in some days and what became of it, as JSON or CSV."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from datetime import date
from typing import Any, ClassVar

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from chimera.flows.show_statement import show_statement, snapshot
from chimera.kernel.errors import invalid
from chimera.kernel.http.door import Door
from chimera.kernel.identity import Role
from commerce import sheets
from commerce.api import caller
from commerce.serializers import StatementShape
from commerce.statements import Grouping, Statement

READERS = frozenset({Role.FINANCE, Role.AUDITOR, Role.ADMIN})
IN_MEMORY_BYTES = 1024 * 1024  # a larger statement waits on disk, while its reader takes it
CHUNK_BYTES = 256 * 1024
CSV = "text/csv"


class Csv(JSONRenderer):
    """For `format=csv`, as far as a statement is refused: the rows themselves are written here below."""

    media_type = CSV
    format = "csv"


class Formats(DefaultContentNegotiation):
    def filter_renderers(self, renderers: Any, format: str) -> list[BaseRenderer]:
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise invalid("`format` must be one of: json, csv.", field_name="format")
        return found


class Statements(Door):
    allow: ClassVar = {"GET": READERS}
    knows: ClassVar = [
        OpenApiParameter("group", str, description="Lines by any of tenant, campaign, agent, day; `day` unless told."),
        OpenApiParameter("from", OpenApiTypes.DATE, description="First day; the first of the month unless told."),
        OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, included; today unless told."),
        OpenApiParameter("format", str, enum=["json", "csv"]),
    ]
    own_transactions = True  # one snapshot for all of a statement's queries
    renderer_classes = [JSONRenderer, Csv]
    content_negotiation_class = Formats

    @extend_schema(
        operation_id="statements_read",
        description="What was asked for in these days of the tenant's time zone, and what has become of it by now.",
        responses={(200, "application/json"): StatementShape, (200, CSV): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse | StreamingHttpResponse:
        asked = request.query_params
        group = _group(asked.get("group"))
        first, last = _day(asked.get("from"), "from"), _day(asked.get("to"), "to")
        as_csv = getattr(request, "accepted_media_type", "") == CSV
        with snapshot(caller(request).tenant_id):
            statement = show_statement(first=first, last=last, group=group)
            return _answer(statement, as_csv)


def _answer(statement: Statement, as_csv: bool) -> HttpResponse | StreamingHttpResponse:
    """Written out before the first byte leaves: a reader who takes his time holds no snapshot, and a refusal is one."""
    kept = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  (closed with the response)
    _write(kept, sheets.as_csv(statement) if as_csv else sheets.as_json(statement))
    size = kept.tell()
    kept.seek(0)
    kind = f"{CSV}; charset=utf-8" if as_csv else "application/json"
    response: HttpResponse | StreamingHttpResponse
    if size <= IN_MEMORY_BYTES:
        with kept:
            response = HttpResponse(kept.read(), content_type=kind)
    else:
        response = StreamingHttpResponse(_pieces(kept), content_type=kind)
        response["Content-Length"] = str(size)
    if as_csv:
        name = f"statement-{statement.first}-{statement.last}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _write(kept: Any, pieces: Iterable[str]) -> None:
    for piece in pieces:
        kept.write(piece.encode())


async def _pieces(kept: Any) -> AsyncIterator[bytes]:
    with kept:
        while piece := await asyncio.to_thread(kept.read, CHUNK_BYTES):
            yield piece


def _group(text: str | None) -> list[Grouping]:
    if text is None:
        return [Grouping.DAY]
    found = sheets.parse_group(text)
    if found is None:
        raise invalid(f"`group` must be of: {', '.join(Grouping)}.", field_name="group")
    return found


def _day(text: str | None, name: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid(f"`{name}` must be a day such as 2026-03-01.", field_name=name) from None
