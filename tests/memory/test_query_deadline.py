"""A search waits a short while for its query's vector, and for an endpoint that is away not at all."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from memory import breaker
from memory.embedders import EmbedderAway, EndpointEmbedder, cache
from memory.limits import DIMENSIONS
from tests.memory.endpoint import Endpoint, at, serving


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as found:
        yield found


@contextmanager
def at_once() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 1.0


def test_a_query_waits_a_short_while_and_its_late_answer_serves_the_next(
    endpoint: Endpoint, settings: Any, db: None
) -> None:
    settings.EMBEDDINGS_QUERY_SECONDS = 0.2
    embedder, tenant_id = at(endpoint), uuid4()
    endpoint.slow_seconds = 0.3
    with at_once(), pytest.raises(EmbedderAway, match=r"within 0\.2 s"):
        embedder.query("one", tenant_id=tenant_id)
    until(lambda: cache.look_up(tenant_id, "tiny", ["one"]).vectors)
    assert _answers(embedder, "one", tenant_id)
    assert endpoint.asked["one"] == 1


def test_a_query_is_tried_once(endpoint: Endpoint, db: None) -> None:
    endpoint.status = 503
    with pytest.raises(EmbedderAway):
        at(endpoint).query("one", tenant_id=uuid4())
    assert len(endpoint.calls) == 1


def test_a_dead_endpoint_costs_queries_nothing_and_is_found_again(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    embedder, tenant_id = at(endpoint), uuid4()
    embedder._breaker = breaker.Breaker(faults_max=2, seconds=0.2, seconds_max=0.2)
    endpoint.status = 503
    for n in range(10):
        with pytest.raises(EmbedderAway):
            embedder.query(f"text {n}", tenant_id=tenant_id)
    assert len(endpoint.calls) == 2
    endpoint.slow_seconds = 30.0  # whoever tries it now waits; no search does
    time.sleep(0.25)
    with at_once(), pytest.raises(EmbedderAway, match="a moment ago"):
        embedder.query("probe", tenant_id=tenant_id)
    endpoint.stopped.set()
    endpoint.slow_seconds, endpoint.status = 0.0, 200
    until(lambda: _answers(embedder, "back", tenant_id))


def test_an_endpoint_that_is_always_too_slow_is_not_waited_for(endpoint: Endpoint, settings: Any, db: None) -> None:
    settings.EMBEDDINGS_QUERY_SECONDS = 0.05
    embedder = at(endpoint)
    endpoint.slow_seconds = 0.07
    until(lambda: not _answers(embedder, str(uuid4()), uuid4()) and embedder._breaker.is_open)
    with pytest.raises(EmbedderAway, match="a moment ago"):
        embedder.query("one", tenant_id=uuid4())


def test_who_asks_to_be_left_alone_is(endpoint: Endpoint, db: None) -> None:
    embedder = at(endpoint)
    endpoint.status, endpoint.headers = 429, {"Retry-After": "30"}
    for _ in range(3):
        with pytest.raises(EmbedderAway):
            embedder.query("one", tenant_id=uuid4())
    assert len(endpoint.calls) == 1


def _answers(embedder: EndpointEmbedder, text: str, tenant_id: Any) -> bool:
    try:
        return len(embedder.query(text, tenant_id=tenant_id)) == DIMENSIONS
    except EmbedderAway:
        return False


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
