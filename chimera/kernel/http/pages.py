"""Opaque cursors over ids: newest first, no counting, no row twice while others are added."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from chimera.kernel import clock
from chimera.kernel.errors import Refused, invalid

LIMIT_DEFAULT = 50


def page(rows: QuerySet[Any], request: Request, shape: Callable[[list[Any]], Any]) -> Response:
    """{results, next}: `limit` rows (default 50, at most PAGE_MAX) after `cursor`."""
    limit = whole_number(request, "limit", default=LIMIT_DEFAULT, least=1, most=settings.PAGE_MAX)
    if cursor := request.query_params.get("cursor"):
        rows = rows.filter(pk__lt=_decoded(cursor))
    found = list(rows.order_by("-pk")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Response({"results": shape(found), "next": _encoded(found[-1].pk) if more else None})


def page_in_turn(rows: QuerySet[Any], request: Request, shape: Callable[[list[Any]], Any], *, moment: str) -> Response:
    """The same for a queue: the earliest first by the column `moment`. A row whose moment changes meanwhile may come twice."""
    limit = whole_number(request, "limit", default=LIMIT_DEFAULT, least=1, most=settings.PAGE_MAX)
    if cursor := request.query_params.get("cursor"):
        at, key = _decoded_turn(cursor)
        rows = rows.filter(**{f"{moment}__gte": at}).exclude(**{moment: at, "pk__lte": key})
    found = list(rows.order_by(moment, "pk")[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return Response({"results": shape(found), "next": _encoded_turn(found[-1], moment) if more else None})


def whole_number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    raw = request.query_params.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10 and least <= int(raw) <= most):
        raise invalid(f"`{name}` must be a whole number from {least} to {most}.", field_name=name)
    return int(raw)


def uuid_or_refuse(value: str, name: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise invalid(f"`{name}` must be a UUID.", field_name=name) from None


def choice_or_refuse(value: str, name: str, allowed: list[str]) -> str:
    if value not in allowed:
        raise invalid(f"`{name}` must be one of: {', '.join(allowed)}.", field_name=name)
    return value


def _encoded(key: UUID) -> str:
    return base64.urlsafe_b64encode(key.bytes).decode().rstrip("=")


def _decoded(cursor: str) -> UUID:
    try:
        return UUID(bytes=_bytes_of(cursor))
    except ValueError:
        raise _not_ours() from None


def _encoded_turn(row: Any, moment: str) -> str:
    said = row.pk.bytes + clock.written(getattr(row, moment)).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def _decoded_turn(cursor: str) -> tuple[datetime, UUID]:
    try:
        said = _bytes_of(cursor)
        at = datetime.fromisoformat(said[16:].decode())
        return at.astimezone(UTC), UUID(bytes=said[:16])
    except (ValueError, OverflowError):
        raise _not_ours() from None


def _bytes_of(cursor: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(cursor + "==")
    except binascii.Error as fault:
        raise ValueError(str(fault)) from None


def _not_ours() -> Refused:
    return invalid("`cursor` is not one of ours; start again without it.", field_name="cursor", code="invalid_cursor")
