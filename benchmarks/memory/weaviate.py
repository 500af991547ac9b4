"""The same memories in a real Weaviate, filled by Chimera's own lane; and the bare client on the same collection."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.memory.searching import COMPARED, TOP, Question
from benchmarks.swarm.tables import complain, whole

FILL_SECONDS = 3_600
PROGRESS_SECONDS = 15.0  # between two lines of it
NOT_TRIED = "Not tried: Weaviate, because it is not built (`make weaviate`)."


@contextmanager
def server(home: Path, folder: Path) -> Iterator[Any]:
    """A private one of the binary that `make weaviate` built in `home`, or CHIMERA_WEAVIATE_BINARY names; None where there is none."""
    from chimera.kernel.embedded import Weaviate
    from chimera.kernel.embedded.weaviate import find

    binary = find(home)
    if binary is None:
        yield None
        return
    os.environ.setdefault("GOMEMLIMIT", "6GiB")
    running = Weaviate(folder, binary)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def asked_first(running: Any) -> Iterator[None]:
    """This process searches there; it has all that PostgreSQL has."""
    with _configured(running):
        _fill()
        yield


def by_postgresql(search: Callable[[Question], Any]) -> Callable[[Question], Any]:
    """The same search, where Weaviate would be asked."""

    def call(question: Question) -> Any:
        with _configured(None):
            return search(question)

    return call


@contextmanager
def _configured(running: Any) -> Iterator[None]:
    from django.conf import settings

    before = settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL, settings.WEAVIATE_API_KEY
    settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL, settings.WEAVIATE_API_KEY = (
        running.address if running else ("", "", "")
    )
    try:
        yield
    finally:
        settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL, settings.WEAVIATE_API_KEY = before


def _fill() -> None:
    """By the lane, in this process: what is there, where that was not done yet, and what has come since."""
    from chimera.kernel import tenancy
    from memory.actions import generations, lane
    from memory.models import Generation

    began = told = time.monotonic()
    with tenancy.system():
        is_begun = Generation.objects.exists()
    if not is_begun:
        generations.begin(why="a benchmark")
    while (left := _left()) is not None:
        lane.tend()
        now = time.monotonic()
        if now - told > PROGRESS_SECONDS:
            complain(f"Weaviate has {left} after {now - began:.0f} s")
            told = now
        if now - began > FILL_SECONDS:
            raise SystemExit(f"Weaviate has {left} after {FILL_SECONDS} s")


def _left() -> str | None:
    """How far it is; None when it has all."""
    from chimera.kernel import tenancy
    from memory.models import Generation, Unindexed

    with tenancy.system():
        filling = Generation.objects.filter(serving_since__isnull=True).first()
        waiting = Unindexed.objects.count()
    if filling is None and not waiting:
        return None
    walked = f"{whole(filling.walked)} of {whole(filling.expected)}, and " if filling else ""
    return f"{walked}{whole(waiting)} changes before it"


TEXTS = "ten texts"
QUESTION = "the same question"
ANSWER = "what the answer needs"
OF_THE_INDEX = {"words", "impersonal"}  # properties that a hit has not


@contextmanager
def bare(
    address: Any, asked: Sequence[Question]
) -> Iterator[dict[tuple[str, str], Callable[[Question], list[object]]]]:
    """Ways to ask without Chimera, by what is asked for and mode: the official client, the alias, the tenant.

    TEXTS: four properties of the ten best, whoever may see them. QUESTION: the ten best that may be found, as `memory.search` has to
    find them, with every property that a hit has and how its score came about. ANSWER: the thirty best of these with their vectors, which
    is what a caller needs who tells, as a hit does, what says the same. The index has stems: they are sought, and were found before.
    """
    import weaviate
    from weaviate.classes.init import Auth
    from weaviate.classes.query import MetadataQuery

    http, grpc = urlsplit(address.url), urlsplit(address.grpc_url)
    with weaviate.connect_to_local(
        host=str(http.hostname),
        port=http.port or 80,
        grpc_port=grpc.port or 50051,
        auth_credentials=Auth.api_key(address.api_key),
    ) as client:
        from chimera.kernel import prepared
        from memory.stores.weaviate.schema import ALIAS
        from memory.stores.words import stems

        memories = client.collections.use(ALIAS)
        every = [one.name for one in memories.config.get().properties if one.name not in OF_THE_INDEX]
        found = {question.text: prepared.ask(*stems(question.text)) for question in asked}
        said_as = {text: " ".join(word for (word,) in words) for text, words in found.items()}
        explained = MetadataQuery(distance=True, score=True, explain_score=True)

        def said(what: str) -> dict[str, Any]:
            if what == TEXTS:
                return {"limit": TOP, "return_properties": ["content", "category", "created_at", "importance_score"]}
            found = {"filters": _findable(), "return_properties": every, "return_metadata": explained}
            return found | ({"limit": TOP} if what == QUESTION else {"limit": COMPARED, "include_vector": True})

        def vector(question: Question, what: str) -> list[object]:
            asked = memories.with_tenant(str(question.tenant.id)).query
            return [one.uuid for one in asked.near_vector(question.vector.tolist(), **said(what)).objects]

        def hybrid(question: Question, what: str) -> list[object]:
            asked = memories.with_tenant(str(question.tenant.id)).query
            found = asked.hybrid(
                said_as[question.text], vector=question.vector.tolist(), query_properties=["words"], **said(what)
            )
            return [one.uuid for one in found.objects]

        yield {
            (what, mode): partial(ask, what=what)
            for what in (TEXTS, QUESTION, ANSWER)
            for mode, ask in (("vector", vector), ("hybrid", hybrid))
        }


def _findable() -> Any:
    """What a search of an agent may find, now."""
    from weaviate.classes.query import Filter

    now = datetime.now(UTC)
    begun = Filter.by_property("valid_from").less_or_equal(now)
    not_over = Filter.by_property("valid_until").greater_than(now)
    return Filter.by_property("visibility").equal("tenant") & begun & not_over
