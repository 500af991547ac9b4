"""The same promises by whichever index: PostgreSQL alone, Weaviate, and PostgreSQL in the place of a Weaviate that is away."""

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings

from memory.embedders import embedder
from memory.models import MemoryRecord
from memory.queries import Sought, Viewer
from memory.ranking import Mode
from memory.stores import Answer, Index, Wanted, look_up
from memory.stores.weaviate.breaker import searching
from tests.cast import Stage
from tests.memory.stores.conftest import drain
from tests.memory.stores.corpus import QUERIES, Corpus, keep, properties

NOBODY = "http://127.0.0.1:9"  # the port of `discard`, at which nobody listens
SAME_ORDER_TOLERANCE = 1e-5  # of a score; memories whose scores lie closer may change places


@pytest.fixture(params=["postgresql", "weaviate", "fallback"])
def corpus(request: Any, acme: Stage, settings: Any) -> Corpus:
    if request.param == "weaviate":
        request.getfixturevalue("index")
        found = keep(acme)
        drain()
        return found
    if request.param == "fallback":
        settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL = NOBODY, "grpc://127.0.0.1:9"
        searching.forget()
    return keep(acme)


@pytest.fixture
def expected(request: Any) -> tuple[Index, bool]:
    """Which index answers, and whether it says that another should have."""
    param = request.node.callspec.params["corpus"]
    return (Index.WEAVIATE if param == "weaviate" else Index.POSTGRESQL), param == "fallback"


def sought(corpus: Corpus, viewer: Viewer, **said: Any) -> Sought:
    moments = {name: corpus.now + span for name, span in said.items() if isinstance(span, timedelta)}
    ids = {"session_id": corpus.sessions[0], "agent_id": UUID(corpus.stage.ada.id)}
    more = said | moments | {name: key for name, key in ids.items() if name in said}
    return Sought(viewer=viewer, **({"at": corpus.now} | more))


def proposed(corpus: Corpus, wanted: Sought, *, mode: Mode = Mode.HYBRID, stage: Stage | None = None) -> Answer:
    with (stage or corpus.stage).bound():
        return look_up(
            Wanted(
                sought=wanted,
                mode=mode,
                most=100,
                best=200,
                vector=embedder().embed(["The harbour"])[0] if mode != Mode.KEYWORD else None,
                model=embedder().model if mode != Mode.KEYWORD else "",
                text="harbour ferry band bath lighthouse storm",
            )
        )


def allowed(corpus: Corpus, wanted: Sought) -> set[UUID]:
    with corpus.stage.bound():
        return set(MemoryRecord.objects.sought(wanted).values_list("pk", flat=True))


VIEWERS: dict[str, Callable[[Corpus], Viewer]] = {
    "a person": lambda corpus: Viewer(),
    "a person who names a session": lambda corpus: Viewer(any_session=True),
    "a person who reads by id": lambda corpus: Viewer(any_session=True, any_agent=True),
    "ada, who works nowhere": lambda corpus: Viewer(UUID(corpus.stage.ada.id)),
    "bob in the second session": lambda corpus: Viewer(UUID(corpus.stage.bob.id), frozenset(corpus.sessions[1:])),
    "an agent in both": lambda corpus: Viewer(UUID(int=7), frozenset(corpus.sessions)),
}


@pytest.mark.parametrize("viewer", sorted(VIEWERS))
def test_what_may_be_found_is_found_and_nothing_else(corpus: Corpus, viewer: str, expected: tuple[Index, bool]) -> None:
    """The corpus is small, so each index proposes all that it may, for each property and each who looks."""
    for said in properties():
        wanted = sought(corpus, VIEWERS[viewer](corpus), **said)
        for mode in Mode:
            answer = proposed(corpus, wanted, mode=mode)
            assert set(answer.ids) == allowed(corpus, wanted), (said, mode)
            assert (answer.index, bool(answer.fallback)) == expected


def test_every_property_that_can_be_sought_is_tried() -> None:
    tried = {name for said in properties() for name in said}
    assert tried == {field.name for field in fields(Sought)} - {"viewer"}


def test_another_tenant_is_told_nothing(corpus: Corpus, zenith: Stage) -> None:
    everything = Viewer(UUID(corpus.stage.ada.id), frozenset(corpus.sessions), any_session=True, any_agent=True)
    for said in properties():
        answer = proposed(corpus, sought(corpus, everything, **said), stage=zenith)
        assert answer.ids == ()
    for body in ({"session": str(corpus.sessions[0])}, {"persona": str(corpus.stage.tenant_id)}, {}):
        found = zenith.otto.post("memories/search", {"query": QUERIES[0], **body})
        assert found.status == 404 or found["results"] == []


def test_a_tenant_cannot_be_named(corpus: Corpus, zenith: Stage) -> None:
    forged, asked = str(corpus.stage.tenant_id), {"query": QUERIES[0]}
    for name in ("tenant", "tenant_id", "tenant_name"):
        zenith.otto.post("memories/search", asked | {name: forged}).refused(422, "unknown_field")
    headers = dict.fromkeys(("X_Weaviate_Tenant", "X_Tenant", "Tenant"), forged)
    assert zenith.otto.post("memories/search", asked, **headers).ok()["results"] == []


def test_a_private_memory_is_its_agents_own(corpus: Corpus) -> None:
    with corpus.stage.bound():
        private = set(MemoryRecord.objects.filter(visibility="agent").values_list("pk", "agent_id"))
    for who in (corpus.stage.ada, corpus.stage.bob):
        found = {
            UUID(hit["memory"]["id"])
            for query in QUERIES
            for hit in who.post("memories/search", {"query": query, "limit": 50}).ok()["results"]
        }
        assert found
        assert not found & {key for key, agent in private if str(agent) != who.id}


@pytest.mark.parametrize("corpus", ["weaviate"], indirect=True)
def test_both_put_the_same_in_the_same_order(corpus: Corpus) -> None:
    """Whatever the index proposes, PostgreSQL scores; so the orders differ where a proposal is missing, and nowhere else."""
    asked = [
        {"query": query, "mode": mode, "limit": 20} for query in QUERIES for mode in ("hybrid", "vector", "keyword")
    ]
    here = [corpus.stage.ada.post("memories/search", body).ok()["results"] for body in asked]
    with override_settings(WEAVIATE_URL=""):
        there = [corpus.stage.ada.post("memories/search", body).ok()["results"] for body in asked]
    for body, one, other in zip(asked, here, there, strict=True):
        scores = [[hit["score"] for hit in hits] for hits in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=SAME_ORDER_TOLERANCE), body
        order = [[hit["memory"]["id"] for hit in hits] for hits in (one, other)]
        assert order[0] == order[1] or _closer_than_the_tolerance(one, other), body


def _closer_than_the_tolerance(one: list[Any], other: list[Any]) -> bool:
    scores = {hit["memory"]["id"]: hit["score"] for hit in [*one, *other]}
    return all(
        abs(scores[a["memory"]["id"]] - scores[b["memory"]["id"]]) < SAME_ORDER_TOLERANCE
        for a, b in zip(one, other, strict=True)
    )
