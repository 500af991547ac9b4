"""An OpenAI-compatible endpoint with 1536 dimensions: its answers, errors, slowness and limits."""

import math
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import pytest

from chimera.kernel import clock
from memory.embedders import EmbedderAway, EmbedderRefuses, EndpointEmbedder, TextRefused
from memory.embedders import endpoint as ours
from memory.embedders.passages import passages
from memory.embedders.wire import retry_after
from memory.limits import CALL_BYTES_MAX, DIMENSIONS, EMBEDDED_PASSAGES_MAX, TRIES_MAX
from tests.memory.endpoint import Endpoint, at, serving, unit


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """With pauses that are a hundredth of the usual."""
    monkeypatch.setattr(ours, "PAUSE_SECONDS", 0.005)
    with serving() as found:
        yield found


# ------------------------------------------------------------------ what is asked, and in which order it is read


def test_vectors_come_in_the_order_of_the_texts_by_index_and_of_unit_length(endpoint: Endpoint) -> None:
    texts = ["one", "three", "seventeen"]
    vectors = at(endpoint, key="k").embed(texts)
    assert vectors == [pytest.approx(unit(text)) for text in texts]
    (call,) = endpoint.calls
    assert {name: call[name] for name in ("path", "model", "input", "encoding_format")} == {
        "path": "/v1/embeddings",
        "model": "tiny",
        "input": texts,
        "encoding_format": "float",
    }
    assert "dimensions" not in call
    assert endpoint.keys == ["Bearer k"]


def test_without_a_key_none_is_sent(endpoint: Endpoint) -> None:
    EndpointEmbedder(base_url=endpoint.url + "/", key="", model="tiny").embed(["one"])
    assert endpoint.keys == [None]


def test_a_model_that_is_shortened_is_asked_for_so_many_and_is_another_space(endpoint: Endpoint) -> None:
    embedder = at(endpoint, dimensions=256, shorten=True)
    (vector,) = embedder.embed(["one"])
    assert endpoint.calls[0]["dimensions"] == 256
    assert embedder.model == "tiny:256"
    assert vector[:3] == pytest.approx(unit("one")[:3])
    assert len(vector) == DIMENSIONS


def test_a_call_has_so_many_texts_at_most(endpoint: Endpoint, settings: Any) -> None:
    settings.EMBEDDINGS_CALL_MAX = 4
    texts = [f"text {n}" for n in range(10)]
    assert at(endpoint).embed(texts) == [pytest.approx(unit(text)) for text in texts]
    assert [len(call["input"]) for call in endpoint.calls] == [4, 4, 2]


def test_a_call_has_so_many_bytes_at_most(endpoint: Endpoint) -> None:
    at(endpoint, tokens_max=50_000).embed(["é" * 20_000] * 10)
    sizes = [sum(len(text.encode()) for text in call["input"]) for call in endpoint.calls]
    assert max(sizes) <= CALL_BYTES_MAX
    assert [len(call["input"]) for call in endpoint.calls] == [6, 4]


def test_the_same_text_is_asked_once_in_a_batch(endpoint: Endpoint, db: None) -> None:
    vectors = at(endpoint).embed_each(["one", "three", "one"], tenant_id=uuid4())
    assert vectors[0] == vectors[2] != vectors[1]
    assert endpoint.asked == {"one": 1, "three": 1}


# ------------------------------------------------------------------ long texts


def test_a_text_that_its_model_reads_whole_is_one_passage() -> None:
    assert passages("a" * 300, tokens_max=300) == ["a" * 300]
    assert passages("", tokens_max=300) == [""]


def test_a_longer_text_is_read_in_passages_cut_between_words_and_nothing_is_lost() -> None:
    text = " ".join(f"word{n}" for n in range(400))
    found = passages(text, tokens_max=1_000)
    assert " ".join(found) == text
    assert max(len(p.encode()) for p in found) <= 1_000


def test_a_text_without_spaces_is_cut_between_characters() -> None:
    text = "漢" * 1_000
    found = passages(text, tokens_max=1_000)
    assert "".join(found) == text
    assert max(len(p.encode()) for p in found) <= 1_000


def test_what_comes_after_the_last_passage_is_cut() -> None:
    assert len(passages("a " * 50_000, tokens_max=1_000)) == EMBEDDED_PASSAGES_MAX


def test_the_vector_of_a_long_text_is_the_mean_of_its_passages_by_their_length(endpoint: Endpoint) -> None:
    text = "a" * 300 + "b" * 100
    (vector,) = at(endpoint, tokens_max=300).embed([text])
    assert endpoint.calls[0]["input"] == ["a" * 300, "b" * 100]
    mean = [3 * x + y for x, y in zip(unit("a" * 300), unit("b" * 100), strict=True)]
    assert vector == pytest.approx([x / math.hypot(*mean) for x in mean])


# ------------------------------------------------------------------ trying again


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.statuses = [status, status]
    assert len(at(endpoint).embed(["one"])) == 1
    assert len(endpoint.calls) == 3


def test_after_the_last_try_it_is_away(endpoint: Endpoint) -> None:
    endpoint.status = 503
    with pytest.raises(EmbedderAway, match="HTTP 503"):
        at(endpoint).embed(["one"])
    assert len(endpoint.calls) == TRIES_MAX


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 501])
def test_what_nobody_mends_by_trying_is_not_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.status = status
    endpoint.answers = {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided: sk-12345"}}
    with pytest.raises(EmbedderRefuses, match=f"HTTP {status} invalid_api_key") as refused:
        at(endpoint).embed(["one"])
    assert len(endpoint.calls) == 1
    assert "sk-12345" not in str(refused.value)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_text_that_is_refused_is_not_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.status = status
    with pytest.raises(TextRefused, match=f"HTTP {status}"):
        at(endpoint).embed(["one"])
    assert len(endpoint.calls) == 1


def test_the_endpoint_says_how_long_to_wait(endpoint: Endpoint) -> None:
    endpoint.statuses, endpoint.headers = [429], {"Retry-After": "0.3"}
    at(endpoint).embed(["one"])
    first, second = (call["at"] for call in endpoint.calls)
    assert second - first >= 0.3


def test_who_asks_for_more_than_all_tries_take_is_away_at_once(endpoint: Endpoint) -> None:
    endpoint.status, endpoint.headers = 429, {"Retry-After": "3600"}
    with pytest.raises(EmbedderAway, match="429"):
        at(endpoint).embed(["one"])
    assert len(endpoint.calls) == 1


def test_retry_after_has_two_forms_and_may_be_nonsense() -> None:
    with clock.held(clock.now()):
        soon = format_datetime((clock.now() + timedelta(seconds=90)).replace(microsecond=0), usegmt=False)
        assert retry_after(soon) == pytest.approx(90, abs=1)
        assert retry_after(format_datetime(clock.now() - timedelta(days=1))) == 0.0
    assert retry_after("7") == 7.0
    for odd in ("", "soon", "-3", "1e400", "nan", "9" * 400, "Wed, 99 Foo 2026"):
        assert retry_after(odd) is None


def test_half_an_answer_is_tried_again(endpoint: Endpoint) -> None:
    endpoint.cut_at = 100
    with pytest.raises(EmbedderAway, match="broke off"):
        at(endpoint).embed(["one"])
    assert len(endpoint.calls) == TRIES_MAX
    endpoint.cut_at = None
    assert len(at(endpoint).embed(["one"])) == 1


def test_an_endpoint_that_nobody_serves_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "PAUSE_SECONDS", 0.005)
    with serving() as gone:
        pass
    with pytest.raises(EmbedderAway, match="cannot be reached"):
        at(gone).embed(["one"])


@pytest.mark.parametrize("slowness", [{"slow_seconds": 30.0}, {"drip_seconds": 0.02}])
def test_who_takes_too_long_is_away(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, slowness: Any) -> None:
    monkeypatch.setattr(ours, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(ours, "TRIES_MAX", 1)
    vars(endpoint).update(slowness)
    begun = time.monotonic()
    with pytest.raises(EmbedderAway, match=r"did not answer within|still sending"):
        at(endpoint).embed(["one"])
    assert time.monotonic() - begun < 10


# ------------------------------------------------------------------ wrong answers


def row(index: Any, embedding: Any) -> dict[str, Any]:
    return {"index": index, "embedding": embedding}


WHOLE = [1.0] * DIMENSIONS
WRONG = {
    "none": {"data": []},
    "one too many": {"data": [row(0, WHOLE), row(1, WHOLE)]},
    "an index twice": {"data": [row(0, WHOLE), row(0, WHOLE)]},
    "another index": {"data": [row(7, WHOLE)]},
    "an index that is true": {"data": [row(False, WHOLE)]},
    "no index": {"data": [{"embedding": WHOLE}]},
    "an index of a list": {"data": [row([0], WHOLE)]},
    "no list": {"data": None},
    "no object": [],
    "too few dimensions": {"data": [row(0, WHOLE[:-1])]},
    "too many dimensions": {"data": [row(0, [*WHOLE, 1.0])]},
}


@pytest.mark.parametrize("answers", WRONG.values(), ids=WRONG)
def test_an_answer_that_is_not_what_was_asked_for_is_refused_and_not_tried_again(
    endpoint: Endpoint, answers: Any
) -> None:
    endpoint.answers = answers
    with pytest.raises(EmbedderRefuses):
        at(endpoint).embed(["one"])
    assert len(endpoint.calls) == 1


def test_the_wrong_dimension_names_the_setting(endpoint: Endpoint) -> None:
    endpoint.dimensions = 768
    with pytest.raises(EmbedderRefuses, match="768 dimensions, 1536 are expected: set CHIMERA_EMBEDDINGS_DIMENSIONS"):
        at(endpoint).embed(["one"])
    assert len(at(endpoint, dimensions=768).embed(["one"])[0]) == DIMENSIONS


NO_VECTOR = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "more than a float": 10**400,
    "true": True,
    "text": "1.0",
    "nothing": None,
}


@pytest.mark.parametrize("odd", NO_VECTOR.values(), ids=NO_VECTOR)
def test_one_odd_vector_costs_its_own_text_alone(endpoint: Endpoint, odd: Any, db: None) -> None:
    endpoint.answers = {"data": [row(0, WHOLE), row(1, [*WHOLE[1:], odd])]}
    good, bad = at(endpoint).embed_each(["one", "two"], tenant_id=uuid4())
    assert good == pytest.approx([1 / math.sqrt(DIMENSIONS)] * DIMENSIONS)
    assert isinstance(bad, TextRefused)


def test_the_zero_vector_has_no_direction(endpoint: Endpoint) -> None:
    endpoint.zero = "two"
    with pytest.raises(TextRefused, match="zero vector"):
        at(endpoint).embed(["one", "two"])


def test_huge_and_tiny_vectors_have_a_direction(endpoint: Endpoint) -> None:
    for scale in (1e300, 1e-300):
        endpoint.answers = {"data": [row(0, [scale] * DIMENSIONS)]}
        assert at(endpoint).embed(["one"])[0] == pytest.approx([1 / math.sqrt(DIMENSIONS)] * DIMENSIONS)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"\xff\xfe", b'{"data":', b"[" * 30_000])
def test_what_is_no_json_is_an_embedder_that_is_away(endpoint: Endpoint, raw: bytes) -> None:
    endpoint.raw = raw
    with pytest.raises(EmbedderAway, match="no JSON"):
        at(endpoint).embed(["one"])


def test_an_endless_answer_is_not_read_to_its_end(endpoint: Endpoint) -> None:
    endpoint.raw = b" " * 50_000_000
    with pytest.raises(EmbedderRefuses, match="more than the"):
        at(endpoint).embed(["one"])


def test_one_text_that_is_refused_is_found_among_others(endpoint: Endpoint, db: None) -> None:
    texts = [f"text {n}" for n in range(20)]
    endpoint.refuses = texts[13]
    found = at(endpoint).embed_each(texts, tenant_id=uuid4())
    assert [n for n, vector in enumerate(found) if isinstance(vector, TextRefused)] == [13]


def test_an_endpoint_that_takes_fewer_texts_gets_fewer(endpoint: Endpoint, db: None) -> None:
    endpoint.texts_max = 8
    texts = [f"text {n}" for n in range(20)]
    assert at(endpoint).embed_each(texts, tenant_id=uuid4()) == [pytest.approx(unit(text), abs=1e-3) for text in texts]


def test_an_endpoint_that_refuses_every_text_is_not_asked_for_each(endpoint: Endpoint) -> None:
    endpoint.status = 400
    with pytest.raises(EmbedderRefuses, match="refuses every text"):
        at(endpoint).embed([f"text {n}" for n in range(100)])
    assert len(endpoint.calls) < 25
