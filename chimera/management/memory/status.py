"""`memory status`: what answers searches, and what the index has yet to hear of."""

from argparse import _SubParsersAction
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db.models import Count, Min

from chimera.kernel import clock, tenancy
from chimera.management.memory import embedded
from memory.models import Generation, GivenUp, MemoryRecord, Unindexed
from memory.stores.weaviate import collections
from memory.stores.weaviate.wire import IndexAway, is_configured

REFUSED_SHOWN_MAX = 20


def add(words: "_SubParsersAction[Any]") -> None:
    words.add_parser("status", help="which index answers, how far it has come, and what it refuses")


def run(options: dict[str, Any], say: Callable[[str], None]) -> int:
    with tenancy.system():
        for lines in (_index, _given_up, _waiting, _refused, embedded.lines):
            for line in lines():
                say(line)
    return 0


def _index() -> Iterator[str]:
    yield f"memories: {MemoryRecord.objects.kept().count():,}"
    if not is_configured():
        yield "index: PostgreSQL (WEAVIATE_URL is not set)"
        return
    yield f"index: Weaviate at {settings.WEAVIATE_URL}"
    generations = list(Generation.objects.all())
    for one in generations:
        done = f"{one.walked:,} of {one.expected:,} read, " if not one.serving_since else ""
        yield f"  {one}: {done}{one.mark:,} batches written; {_of_server(one)}"
    if not generations:
        yield "  not begun; the relay begins it, or: manage.py memory migrate"


def _given_up() -> Iterator[str]:
    for one in GivenUp.objects.order_by("since"):
        yield f"given up, and erasures wait for it: {one.collection} of {one.server or 'a server that was not noted'}"


def _of_server(generation: Generation) -> str:
    try:
        found = collections.mark(generation.collection) or 0
        return f"it has {found:,} of them, of {len(collections.tenants(generation.collection)):,} tenants"
    except IndexAway as away:
        return f"it does not answer ({away}); PostgreSQL answers searches meanwhile"


def _waiting() -> Iterator[str]:
    found = Unindexed.objects.aggregate(changes=Count("pk"), since=Min("noted_at"))
    if found["changes"]:
        yield f"not heard of: {found['changes']:,} changes, the oldest for {(clock.now() - found['since']).total_seconds():.0f} s"
    else:
        yield "not heard of: nothing"


def _refused() -> Iterator[str]:
    refused = Unindexed.objects.exclude(refusal="").order_by("-attempts", "pk")
    for row in refused[:REFUSED_SHOWN_MAX]:
        yield f"refused {row.attempts} times: memory {row.memory_id} of tenant {row.tenant_id}: {row.refusal}"
    if (number := refused.count()) > REFUSED_SHOWN_MAX:
        yield f"and {number - REFUSED_SHOWN_MAX:,} more"
