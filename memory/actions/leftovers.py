"""Collections of ours that no generation names any more, and may still have texts: replaced, given up, or brought back by a backup.

They are not written to, so nothing that is erased leaves them. An erasure waits until there is none; the lane drops what it finds on
the server every few seconds, and what cannot be found is remembered in GivenUp until an operator says that it is gone. One that has none of
our tenants and was not given up is another Chimera's, and left alone. If the process dies

* while an index is given up, before the commit: it is not given up; after it: the names of its collections stand in GivenUp;
* while leftovers are dropped, before the server hears of one: it is there, and is dropped at the next look;
* after that, before the commit: its name still stands in GivenUp, with the address of its server. At the next look it is not there, and
  the name goes, if the settings name that address; else erasures wait for the operator's word, though it is gone;
* while an erasure asks: nothing has changed.
"""

from collections.abc import Iterable
from uuid import UUID

import structlog
from django.apps import apps
from django.conf import settings

from chimera.kernel import tenancy
from memory.actions.indexing import writing
from memory.models import Generation, GivenUp
from memory.stores.weaviate import collections
from memory.stores.weaviate.wire import IndexAway, is_configured

log = structlog.get_logger()
NAMED_MAX = 3  # in a sentence


def give_up(generations: Iterable[Generation]) -> None:
    """Remember their collections, and those that they replaced, until they are known to be dropped. Inside `writing`."""
    named = {name: one.server for one in generations for name in (one.collection, one.replaces) if name}
    GivenUp.objects.bulk_create(
        (GivenUp(collection=name, server=server) for name, server in named.items()), ignore_conflicts=True
    )


def drop() -> list[str]:
    """Drop what the server has of ours and no generation names; answers the names. Raises IndexAway and Busy."""
    with writing():
        found = _strays(collections.all_of_ours())
        for name in found:
            log.warning("index_leftover_dropped", collection=name)
            collections.drop(name)
        GivenUp.objects.filter(collection__in=found).delete()
        GivenUp.objects.filter(server=settings.WEAVIATE_URL).exclude(server="").delete()
    return found


def declare_gone() -> list[str]:
    """An operator says that what was given up is gone with its server; answers the names."""
    with writing():
        found = sorted(GivenUp.objects.values_list("collection", flat=True))
        GivenUp.objects.all().delete()
    if found:
        log.warning("index_leftovers_declared_gone", collections=found)
    return found


def standing() -> str:
    """Why some collection may still have what is erased; '' where none can. Outside transactions, and changes nothing.

    The server is asked before the rows are read: what it has then and no row names afterwards is left over, and was not just begun.
    """
    try:
        there = collections.all_of_ours() if is_configured() else []
        with tenancy.system():
            strays = _strays(there)
            given_up = sorted(GivenUp.objects.values_list("collection", flat=True))
            behind = [one for one in Generation.objects.all() if is_configured() and is_set_back(one)]
    except IndexAway as away:
        return f"Weaviate is away, and cannot say what it has: {away}"
    if strays:
        return f"{_named(strays)}: replaced or given up, and not dropped yet; the relay does it."
    if given_up:
        return (
            f"{_named(given_up)}: given up, and may still have texts. Run `manage.py memory retire --drop` with WEAVIATE_URL naming that "
            "server, or, when the server is no more, `manage.py memory retire --gone`."
        )
    return f"{_named([one.collection for one in behind])}: was set back; the relay makes it anew." if behind else ""


def is_set_back(generation: Generation) -> bool:
    """Whether it has other batches than were written to it. Raises IndexAway."""
    found = collections.mark(generation.collection) or 0
    return found not in (generation.mark, generation.mark + 1)


def _strays(there: Iterable[str]) -> list[str]:
    """What no generation names, and was given up or has a tenant of ours."""
    unnamed = sorted(set(there) - set(Generation.objects.values_list("collection", flat=True)))
    given_up = set(GivenUp.objects.values_list("collection", flat=True))
    return [name for name in unnamed if name in given_up or _has_ours(name)]


def _has_ours(collection: str) -> bool:
    """Whether any of its tenants is one of this Chimera. Without any it has no text of ours, and may be all that another one has."""
    names = [UUID(name) for name in collections.tenants(collection) if _is_id(name)]
    return bool(apps.get_model("swarm", "Tenant").objects.filter(pk__in=names).exists())


def _is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def _named(names: list[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
