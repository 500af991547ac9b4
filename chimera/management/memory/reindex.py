"""`memory reindex [--tenant ID]`: write the index anew from PostgreSQL, while the one that is there goes on answering."""

import sys
import time
from argparse import ArgumentTypeError, _SubParsersAction
from collections.abc import Callable
from typing import Any
from uuid import UUID

from chimera.kernel import tenancy
from memory.actions import generations, indexing, tenant_index
from memory.actions.indexing import Busy
from memory.models import Generation

TELL_SECONDS = 2.0
PAUSE_SECONDS = 0.05  # while the relay writes


def add(words: "_SubParsersAction[Any]") -> None:
    parser = words.add_parser("reindex", help="write the index anew from PostgreSQL; goes on where it was ended")
    parser.add_argument("--tenant", type=_id, metavar="ID", help="only this tenant's part")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no tenant's id; `manage.py tenant list` shows them") from None


def run(options: dict[str, Any], say: Callable[[str], None]) -> int:
    if options["tenant"]:
        return _one_tenant(options["tenant"], say)
    begun = _patiently(lambda: generations.begin(why="manage.py memory reindex"))
    say(f"{'goes on with' if begun.walked else 'fills'} {begun.collection}: {begun.expected:,} memories")
    told = time.monotonic()
    while _patiently(generations.walk):
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            say(_progress(begun.collection))
    _patiently(generations.drop_replaced)
    while _patiently(indexing.push_waiting):
        pass
    with tenancy.system():
        serving = Generation.objects.get(serving_since__isnull=False)
    say(f"{serving.collection} answers searches now: {serving.walked:,} memories")
    return 0


def _one_tenant(tenant_id: UUID, say: Callable[[str], None]) -> int:
    noted = _patiently(lambda: tenant_index.begin_anew(tenant_id))
    say(f"{noted:,} memories are on the list")
    told = time.monotonic()
    while left := tenant_index.left(tenant_id):
        _patiently(indexing.push_waiting)
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            say(f"{left:,} left")
    say("all are in the index")
    return 0


def _progress(collection: str) -> str:
    found = Generation.objects.filter(pk=collection).first()
    if found is None or not found.expected:
        return collection
    return f"{found.walked:,} of {found.expected:,} ({min(100, 100 * found.walked // found.expected)} %)"


def _patiently(step: Callable[[], Any]) -> Any:
    """While somebody else writes it waits its turn."""
    while True:
        try:
            return step()
        except Busy:
            time.sleep(PAUSE_SECONDS)
        except KeyboardInterrupt:
            sys.stderr.write("ended; the same command goes on from here, and so does the relay\n")
            raise
