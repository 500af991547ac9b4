"""Vectors that an endpoint made a short while ago: found again, by their own tenant alone, and dropped by an erasure."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, Event
from typing import Any

import pytest

from chimera.kernel import redis
from memory import search
from memory.actions import vectors
from memory.breaker import Breaker
from memory.embedders import EmbedderAway, cache, embedder
from memory.models import MemoryRecord
from memory.ranking import Mode
from tests.cast import Stage
from tests.memory.conftest import Remember
from tests.memory.endpoint import Endpoint, serving
from tests.memory.test_vectors import TEXTS, answer


@pytest.fixture
def endpoint(settings: Any, db: None) -> Iterator[Endpoint]:
    with serving() as found:
        settings.EMBEDDINGS_URL, settings.EMBEDDINGS_MODEL = found.url, "tiny"
        yield found


@pytest.fixture
def port(acme: Stage, endpoint: Endpoint, remember: Remember) -> Stage:
    """Acme, which remembers a few things that wait for their vectors."""
    for text in TEXTS:
        remember(acme.ada, text)
    return acme


def test_the_same_question_is_asked_once_for_each_tenant(port: Stage, zenith: Stage, endpoint: Endpoint) -> None:
    vectors.embed_waiting()
    first, second = answer(port), answer(port)
    assert [h["score"] for h in first["results"]] == pytest.approx([h["score"] for h in second["results"]], abs=1e-3)
    assert endpoint.asked["harbour"] == 1
    answer(zenith)
    assert endpoint.asked["harbour"] == 2


def test_what_one_call_has_answered_is_not_asked_for_again_when_the_next_one_fails(
    port: Stage, endpoint: Endpoint, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that takes two calls, and then asks for a minute: it is done in the end, and each text is paid for once."""
    settings.EMBEDDINGS_CALL_MAX = 1
    endpoint.headers = {"Retry-After": "60"}
    for _ in range(len(TEXTS)):
        endpoint.statuses = [200, 200, 429]
        with suppress(EmbedderAway):
            vectors.embed_waiting()
        monkeypatch.setattr(embedder(), "_breaker", Breaker())  # the minute is over
    with port.bound():
        assert not MemoryRecord.objects.filter(embedding_model="").exists()
    assert sum(endpoint.asked.values()) < 2 * len(TEXTS)


def test_a_text_stands_in_no_key_of_the_cache(port: Stage, endpoint: Endpoint) -> None:
    vectors.embed_waiting()
    answer(port)
    held = [name for key in redis.client().scan_iter("chimera:embeddings:*") for name in redis.client().hkeys(key)]
    assert len(held) == len(TEXTS) + 1
    assert all(len(name) == 64 for name in held)


def test_an_erasure_drops_what_one_tenant_has_cached(port: Stage, zenith: Stage, endpoint: Endpoint) -> None:
    search.ask(text="harbour", mode=Mode.HYBRID, tenant_id=zenith.tenant_id)
    vectors.embed_waiting()
    assert cache.forget_texts(port.tenant_id) == len(TEXTS)
    assert cache.forget_texts(port.tenant_id) == 0
    assert not cache.look_up(port.tenant_id, "tiny", TEXTS).vectors
    assert cache.look_up(zenith.tenant_id, "tiny", ["harbour"]).vectors


def test_a_vector_that_is_being_made_during_an_erasure_is_not_kept_after_it(acme: Stage, endpoint: Endpoint) -> None:
    erased, asked = Event(), Barrier(2)
    answered = endpoint.answer

    def waits(body: dict[str, Any]) -> Any:
        asked.wait(10)
        erased.wait(10)
        return answered(body)

    endpoint.answer = waits  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(embedder().embed_each, ["harbour"], tenant_id=acme.tenant_id)
        asked.wait(10)
        cache.forget_texts(acme.tenant_id)
        erased.set()
        made.result(10)
    assert not cache.look_up(acme.tenant_id, "tiny", ["harbour"]).vectors


def test_without_redis_the_same_text_is_asked_again_and_an_erasure_is_not_done(
    acme: Stage, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(redis, "client", away)
        for _ in range(2):
            search.ask(text="harbour", mode=Mode.HYBRID, tenant_id=acme.tenant_id)
        assert endpoint.asked["harbour"] == 2
        with pytest.raises(redis.Away):
            cache.forget_texts(acme.tenant_id)
    redis.try_again()


def test_the_cache_is_bounded(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHED_MAX", 3)
    kept = cache.look_up(acme.tenant_id, "tiny", [])
    cache.keep(kept, {str(n): [1.0, 2.0] for n in range(2)})
    cache.keep(kept, {str(n): [1.0, 2.0] for n in range(2, 9)})
    assert cache.forget_texts(acme.tenant_id) == 3
