"""What may be found, as Weaviate's filters: the same rules as MemoryQuerySet.sought, which judges once more."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from memory.queries import Sought, Viewer

if TYPE_CHECKING:
    from memory.stores.weaviate.protocol import base_pb2

# A window that was left open ends here. The server keeps moments as nanoseconds, from 1678 to 2262.
EARLIEST = datetime(1700, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


def moment(at: datetime) -> str:
    """As the server keeps it; moments beyond its reach are moved into it."""
    return min(max(at, EARLIEST), LATEST).astimezone(UTC).isoformat()


def begins(at: datetime | None) -> str:
    """Of a window. What is out of reach has begun, and not ended, at the nearest moment that can be asked for: the index proposes too much
    there, and PostgreSQL knows better."""
    return moment(min(at or EARLIEST, LATEST - MOMENT))


def ends(*ends: datetime | None) -> str:
    return moment(max(min((end for end in ends if end), default=LATEST), EARLIEST + MOMENT))


def permitted(sought: Sought, *, model: str = "") -> "base_pb2.Filters":
    """With `model` only what has a vector of it."""
    at = moment(min(sought.at, LATEST - MOMENT))  # what ends never ends after whatever is asked for
    every = [
        _visible_to(sought.viewer),
        _is("LESS_THAN_EQUAL", "valid_from", at),
        _is("GREATER_THAN", "valid_until", at),
    ]
    equal = {
        "category": sought.category,
        "session_id": str(sought.session_id) if sought.session_id else None,
        "agent_role": sought.agent_role,
        "persona": sought.persona,
        "agent_id": str(sought.agent_id) if sought.agent_id else None,
        "embedding_model": model or None,
    }
    every += [_is("EQUAL", name, value) for name, value in equal.items() if value is not None]
    if sought.of_persona is not None:
        of_none = _made("EQUAL", "impersonal", value_boolean=True)
        every.append(_joined("OR", [of_none, _is("EQUAL", "persona", sought.of_persona)]))
    if sought.since:
        every.append(_is("GREATER_THAN_EQUAL", "created_at", moment(sought.since)))
    if sought.until:
        every.append(_is("LESS_THAN", "created_at", moment(sought.until)))
    return _joined("AND", every)


def _visible_to(viewer: Viewer) -> "base_pb2.Filters":
    seen = [_is("EQUAL", "visibility", "tenant")]
    if viewer.any_session:
        seen.append(_is("EQUAL", "visibility", "session"))
    elif viewer.sessions:
        of_sessions = _any_of("session_id", sorted(str(session) for session in viewer.sessions))
        seen.append(_joined("AND", [_is("EQUAL", "visibility", "session"), of_sessions]))
    if viewer.any_agent:
        seen.append(_is("EQUAL", "visibility", "agent"))
    if viewer.agent_id:
        seen.append(_is("EQUAL", "agent_id", str(viewer.agent_id)))
    return _joined("OR", seen)


def of_ids(ids: list[UUID]) -> "base_pb2.Filters":
    return _any_of("_id", [str(key) for key in ids])


def _joined(operator: str, filters: "list[base_pb2.Filters]") -> "base_pb2.Filters":
    if len(filters) == 1:
        return filters[0]
    return _made(operator, filters=filters)


def _is(operator: str, name: str, value: str) -> "base_pb2.Filters":
    return _made(operator, name, value_text=value)


def _any_of(name: str, values: list[str]) -> "base_pb2.Filters":
    from memory.stores.weaviate.protocol import base_pb2

    return _made("CONTAINS_ANY", name, value_text_array=base_pb2.TextArray(values=values))


def _made(operator: str, name: str = "", **more: Any) -> "base_pb2.Filters":
    from memory.stores.weaviate.protocol import base_pb2

    target = base_pb2.FilterTarget(property=name) if name else None
    return base_pb2.Filters(operator=f"OPERATOR_{operator}", target=target, **more)
