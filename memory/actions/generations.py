"""Generations of the index: begun, filled from PostgreSQL while the one before answers, and put in its place.

A generation is a row first and a collection second. From the row's commit on every change of a memory is noted for it, so
the walk through what is there already misses nothing. If the process dies

* after the row: whoever goes on makes the collection;
* between two batches of the walk: it goes on behind the last one that was committed;
* after the alias points at it and before that is committed: both have had every change, and the switch is repeated;
* before the old collection is dropped: that is written in the row, and done later.
"""

from typing import Any

import structlog
from django.conf import settings
from django.db import connection

from chimera.kernel import clock, ids
from memory.actions import leftovers
from memory.actions.indexing import note, write, writing
from memory.limits import INDEX_BATCH
from memory.models import Generation, MemoryRecord, Unindexed
from memory.models.index import SERVER_CHARACTERS_MAX
from memory.stores.weaviate import collections
from memory.stores.weaviate.schema import ALIAS

log = structlog.get_logger()


def begin(*, why: str) -> Generation:
    """A new one, to be filled; the one that is being filled already, if there is one. Inside no transaction."""
    with writing():
        filling = Generation.objects.filter(serving_since__isnull=True).first()
        return filling or _begun(why)


def begin_over(lacking: Generation, *, why: str) -> None:
    """Another in the place of one whose objects lack something; one that serves goes on until that is filled. Inside no transaction."""
    with writing():
        if not lacking.serving_since:
            collections.drop(lacking.collection)
            Generation.objects.filter(pk=lacking.pk, serving_since__isnull=True).delete()
        if not Generation.objects.filter(serving_since__isnull=True).exists():
            _begun(why)


def _begun(why: str) -> Generation:
    serving = Generation.objects.first()
    if serving is None:
        _wait_for_writers()
    made: Generation = Generation.objects.create(
        collection=f"{ALIAS}_{clock.now():%Y%m%d%H%M%S}_{ids.uuid7().hex[-6:]}",
        replaces=serving.collection if serving else "",
        expected=MemoryRecord.objects.kept().count(),
        why=why,
        server=_server(),
    )
    log.info("index_begun", collection=made.collection, memories=made.expected, why=why)
    return made


def _wait_for_writers() -> None:
    """Whoever is writing memories may not have seen that changes are noted from now on; new ones wait until this is committed."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE memory_memoryrecord IN SHARE ROW EXCLUSIVE MODE")


def walk() -> bool:
    """Write the next batch of what PostgreSQL has to the generation that is being filled; at the end it serves.

    False when none is being filled.
    """
    with writing():
        filling = Generation.objects.filter(serving_since__isnull=True).first()
        if filling is None:
            return False
        collections.ensure(filling.collection)
        batch = list(_next(filling))
        if not batch:
            _serve(filling)
            return True
        tenants = {row["pk"]: row["tenant_id"] for row in batch}
        note(tenants, write(tenants, [filling]))
        filling.walked_to, filling.walked = batch[-1]["pk"], filling.walked + len(batch)
        filling.save(update_fields=["walked_to", "walked"])
    return True


def _next(filling: Generation) -> Any:
    rows = MemoryRecord.objects.kept().order_by("pk")
    if filling.walked_to:
        rows = rows.filter(pk__gt=filling.walked_to)
    return rows.values("pk", "tenant_id")[:INDEX_BATCH]


def _serve(filled: Generation) -> None:
    collections.point_at(filled.collection)
    Generation.objects.filter(serving_since__isnull=False).delete()
    filled.serving_since = clock.now()
    filled.save(update_fields=["serving_since"])
    log.info("index_serves", collection=filled.collection, memories=filled.walked)


def drop_replaced() -> None:
    """The collection that nobody asks any more."""
    with writing():
        serving = Generation.objects.filter(serving_since__isnull=False).exclude(replaces="").first()
        if serving is None:
            return
        collections.drop(serving.replaces)
        serving.replaces = ""
        serving.save(update_fields=["replaces"])


def verify() -> None:
    """Drop what has lost something and begin another; point the alias where it belongs. Begins the first one, too."""
    with writing():
        for generation in Generation.objects.all():
            if why := _lost(generation):
                log.warning("index_lost", collection=generation.collection, why=why)
                collections.drop(generation.collection)
                if generation.server not in ("", _server()):
                    leftovers.give_up([generation])  # another server may have it still
                generation.delete()
                if not Generation.objects.filter(serving_since__isnull=True).exists():
                    _begun(why)
                continue
            if generation.serving_since:
                collections.point_at(generation.collection)
            if generation.server != _server():  # the same under another address
                generation.server = _server()
                generation.save(update_fields=["server"])
        if not Generation.objects.exists():
            _begun("the first")


def _server() -> str:
    return str(settings.WEAVIATE_URL)[:SERVER_CHARACTERS_MAX]


def _lost(generation: Generation) -> str:
    """'' where it has what was written to it. A batch that it has and PostgreSQL does not know of is repeated."""
    if collections.describe(generation.collection) is None:
        return "its collection is gone" if generation.mark or generation.serving_since else ""
    return (
        f"other than the {generation.mark} batches that were written are there"
        if leftovers.is_set_back(generation)
        else ""
    )


def retire() -> int:
    """Note nothing for an index any more, and forget what was noted; answers how many collections were given up.

    They stay where they are, and their names in GivenUp: erasures wait for them (memory.actions.leftovers).
    """
    with writing():
        leftovers.give_up(Generation.objects.all())
        given_up, _ = Generation.objects.all().delete()
        Unindexed.objects.all().delete()
    return given_up
