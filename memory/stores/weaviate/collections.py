"""Generations, their tenants, and the alias: what the lane and the commands do to the index. Everything may be repeated."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from memory.stores.weaviate.objects import MARK_ID, MARK_TENANT
from memory.stores.weaviate.schema import ALIAS, declaration
from memory.stores.weaviate.wire import CHANGE_SECONDS, IndexAway, wire

TENANTS_MAX = 500  # made in one call
_known: set[tuple[str, str]] = set()  # tenants that this process has seen, by collection


def describe(collection: str) -> dict[str, Any] | None:
    """As the server has it; None for one that it does not have."""
    found: dict[str, Any] | None = wire().rest("GET", f"/schema/{collection}", absent=True)
    return found


def all_of_ours() -> list[str]:
    """Generations that the server has, in use or not."""
    classes = (wire().rest("GET", "/schema") or {}).get("classes") or []
    return sorted(found["class"] for found in classes if found["class"].startswith(f"{ALIAS}_"))


def ensure(collection: str) -> None:
    """Make a generation that is not there, with the tenant of its mark."""
    if describe(collection) is None:
        forget(collection)
        wire().rest("POST", "/schema", declaration(collection), seconds=CHANGE_SECONDS)
    ensure_tenants(collection, [MARK_TENANT])


def drop(collection: str) -> None:
    forget(collection)
    wire().rest("DELETE", f"/schema/{collection}", seconds=CHANGE_SECONDS, absent=True)


def change(collection: str, settings: dict[str, Any]) -> None:
    wire().rest("PUT", f"/schema/{collection}", settings, seconds=CHANGE_SECONDS)


def add_property(collection: str, declared: dict[str, Any]) -> None:
    wire().rest("POST", f"/schema/{collection}/properties", declared, seconds=CHANGE_SECONDS)


def ensure_tenants(collection: str, names: Iterable[str]) -> None:
    """Make those that are not there. Names come from ids of rows, and from nobody's request."""
    fresh = sorted({name for name in names if (collection, name) not in _known})
    for first in range(0, len(fresh), TENANTS_MAX):
        some = fresh[first : first + TENANTS_MAX]
        wire().rest("POST", f"/schema/{collection}/tenants", [{"name": name} for name in some], seconds=CHANGE_SECONDS)
        _known.update((collection, name) for name in some)


def absent(collection: str, names: Iterable[str]) -> list[str]:
    """Those of these tenants that it does not have. What this process has seen of it is believed."""
    fresh = sorted({name for name in names if (collection, name) not in _known})
    found = {name: wire().rest("GET", f"/schema/{collection}/tenants/{name}", absent=True) for name in fresh}
    _known.update((collection, name) for name in fresh if found[name])
    return [name for name in fresh if not found[name]]


def drop_tenant(collection: str, name: str) -> None:
    """And all that it has."""
    _known.discard((collection, name))
    wire().rest("DELETE", f"/schema/{collection}/tenants", [name], seconds=CHANGE_SECONDS, absent=True)


def tenants(collection: str) -> list[str]:
    """Without the one of the mark; none of one that was made without tenants, to which nothing of ours can be written."""
    try:
        found = wire().rest("GET", f"/schema/{collection}/tenants", absent=True) or []
    except IndexAway as away:
        if "multi-tenancy is not enabled" not in str(away):
            raise
        found = []
    return sorted(tenant["name"] for tenant in found if tenant["name"] != MARK_TENANT)


def forget(collection: str = "") -> None:
    """What this process knows of tenants may not be so any more."""
    _known.difference_update({known for known in _known if collection in ("", known[0])})


def pointed_at() -> str:
    """The collection behind the alias; '' where there is none."""
    found = wire().rest("GET", f"/aliases/{ALIAS}", absent=True) or {}
    return str(found.get("class", ""))


def point_at(collection: str) -> None:
    """From the next search on."""
    now = pointed_at()
    if now == collection:
        return
    if now:
        wire().rest("PUT", f"/aliases/{ALIAS}", {"class": collection}, seconds=CHANGE_SECONDS)
    else:
        wire().rest("POST", "/aliases", {"alias": ALIAS, "class": collection}, seconds=CHANGE_SECONDS)


def mark(collection: str) -> int | None:
    """How many batches it has had; None where that stands nowhere: it is empty, or gone."""
    found = _object(collection, MARK_TENANT, MARK_ID)
    return int(found["properties"]["version"]) if found else None


def held(collection: str, tenant_id: UUID, memory_id: UUID) -> bool:
    """Whether it has an object of this memory."""
    return _object(collection, str(tenant_id), memory_id) is not None


def _object(collection: str, tenant: str, key: UUID) -> Any:
    try:
        return wire().rest("GET", f"/objects/{collection}/{key}?tenant={tenant}", absent=True)
    except IndexAway as away:
        if "tenant not found" in str(away) or "multi-tenancy disabled" in str(away):
            return None
        raise
