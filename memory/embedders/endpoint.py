"""An OpenAI-compatible endpoint: batches, tries, what is known already, and when it is not asked at all."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from uuid import UUID

import httpx
import structlog
from django.conf import settings

from memory.breaker import Breaker
from memory.embedders import cache, wire
from memory.embedders.passages import joined, passages
from memory.embedders.port import Each, EmbedderAway, EmbedderFails, EmbedderRefuses, TextRefused, Vector
from memory.limits import (
    CALL_BYTES_MAX,
    CALL_SECONDS,
    DIMENSIONS,
    PAUSE_SECONDS,
    PAUSE_SECONDS_MAX,
    TRIES_MAX,
    TRIES_SECONDS,
)

log = structlog.get_logger()
QUERIES_MAX = 32  # of this process that wait for an answer at the same time
TRIES_OF_HALVES = 2  # of what an endpoint broke down at that is there otherwise
REFUSED_SECONDS = 60.0  # who refuses a key or a model is not asked again for so long
DOUBTED_TEXTS = 8
PLAIN = "harbour"  # a text that no model refuses and no server breaks down at


@dataclass(frozen=True, slots=True)
class Haste:
    tries: int
    seconds: float  # for all of them
    patience: float  # of whoever waits: a slower answer is as good as none


class EndpointEmbedder:
    """`model` is the endpoint's own name of it, with `:dimensions` where it was shortened: that is another space."""

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        model: str,
        dimensions: int = DIMENSIONS,
        shorten: bool = False,
        tokens_max: int = 8_191,
    ) -> None:
        self.model = f"{model}:{dimensions}" if shorten else model
        self._body = {"model": model, "encoding_format": "float"} | ({"dimensions": dimensions} if shorten else {})
        self._dimensions, self._tokens_max = dimensions, tokens_max
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=base_url.rstrip("/"), headers=headers)
        self._breaker = Breaker()
        self._asides = threading.BoundedSemaphore(QUERIES_MAX)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        found = [vector for answered in self._by_call(texts) for vector in answered]
        for refused in found:
            if isinstance(refused, TextRefused):
                raise refused
        return [vector for vector in found if not isinstance(vector, TextRefused)]

    def embed_each(self, texts: Sequence[str], *, tenant_id: UUID) -> Each:
        """What is known already is not asked for, and the same text once. What one call has answered is kept, though the next one fails: an
        endpoint that takes a few calls a minute is done in the end, and nothing is paid for twice."""
        kept = cache.look_up(tenant_id, self.model, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in kept.vectors]
        found: dict[str, Vector | TextRefused] = {}
        for answered in self._by_call(missing):
            some = dict(zip(missing[len(found) :], answered, strict=False))
            cache.keep(kept, {text: vector for text, vector in some.items() if not isinstance(vector, TextRefused)})
            found |= some
        return [kept.vectors.get(text) or found[text] for text in texts]

    def query(self, text: str, *, tenant_id: UUID) -> Vector:
        """Asked aside: an answer that comes too late for this search is kept for the next. While the breaker is open nobody waits
        at all, and one query in its time is tried."""
        kept = cache.look_up(tenant_id, self.model, [text])
        if text in kept.vectors:
            return kept.vectors[text]
        if self._breaker.is_open:
            if self._breaker.admits():
                self._aside(text, kept)
            raise EmbedderAway(f"{self.model} was away a moment ago, and is asked again by and by")
        try:
            return self._aside(text, kept).result(timeout=settings.EMBEDDINGS_QUERY_SECONDS)
        except TimeoutError:
            raise EmbedderAway(f"{self.model} did not answer within {settings.EMBEDDINGS_QUERY_SECONDS:g} s") from None

    def _aside(self, text: str, kept: cache.Kept) -> "Future[Vector]":
        answer: Future[Vector] = Future()
        if not self._asides.acquire(blocking=False):
            answer.set_exception(EmbedderAway(f"{self.model}: {QUERIES_MAX} queries wait for an answer already"))
            return answer
        threading.Thread(target=self._answer, args=(text, kept, answer), daemon=True).start()
        return answer

    def _answer(self, text: str, kept: cache.Kept, answer: "Future[Vector]") -> None:
        try:
            seconds = settings.EMBEDDINGS_QUERY_SECONDS
            (found,) = self._together([passages(text, tokens_max=self._tokens_max)], Haste(1, 2 * seconds, seconds))
            if isinstance(found, TextRefused):
                raise found
            cache.keep(kept, {text: found})
            answer.set_result(found)
        except Exception as fault:  # whatever it is, somebody waits for it
            answer.set_exception(fault)
        finally:
            self._asides.release()

    def _by_call(self, texts: Sequence[str]) -> Iterator[Each]:
        """Call by call, in the order of the texts."""
        if not texts:
            return
        if self._breaker.is_open and not self._breaker.admits():
            raise EmbedderAway(f"{self.model} was away a moment ago, and is not asked yet")
        for batch in _batches([passages(text, tokens_max=self._tokens_max) for text in texts]):
            yield self._together(batch, Haste(TRIES_MAX, TRIES_SECONDS, CALL_SECONDS))

    def _together(self, batch: Sequence[list[str]], haste: Haste) -> Each:
        """A vector for each list of passages, all asked for in one call."""
        vectors = iter(
            self._call([passage for said in batch for passage in said], haste, _Doubt(self.model, self._takes))
        )
        return [_one([next(vectors) for _ in said], said) for said in batch]

    def _call(self, texts: list[str], haste: Haste, doubt: "_Doubt") -> Each:
        """Half by half, where the endpoint refuses something of what was sent or breaks down at it, until it is known what.

        A text at which it breaks down is a refused one: else it would be sent first again and again, and keep all others waiting.
        """
        try:
            found = self._tried(texts, haste)
        except EmbedderFails as fails:
            if haste.tries == 1 or not doubt.is_there():
                raise
            refused, haste = TextRefused(str(fails)), replace(haste, tries=TRIES_OF_HALVES)
        except TextRefused as fault:
            refused = fault
        else:
            doubt.taken()
            return found
        if len(texts) == 1:
            doubt.refused(refused)
            return [refused]
        middle = len(texts) // 2
        return self._call(texts[:middle], haste, doubt) + self._call(texts[middle:], haste, doubt)

    def _takes(self) -> bool:
        """Whether it makes a vector of a plain word, now."""
        try:
            self._once([PLAIN], seconds=CALL_SECONDS, patience=CALL_SECONDS)
        except (EmbedderAway, TextRefused):
            return False
        return True

    def _tried(self, texts: list[str], haste: Haste) -> Each:
        ends = time.monotonic() + haste.seconds
        for number in range(1, haste.tries + 1):
            try:
                return self._once(texts, seconds=min(CALL_SECONDS, ends - time.monotonic()), patience=haste.patience)
            except (EmbedderRefuses, TextRefused):
                raise
            except EmbedderAway as away:
                pause = _pause(number, away.retry_seconds)
                if number == haste.tries or time.monotonic() + pause >= ends:
                    raise
                log.info(
                    "embedder_tried", model=self.model, attempt=number, pause_seconds=round(pause, 2), error=str(away)
                )
                time.sleep(pause)
        raise AssertionError("unreachable: the last try answers or raises")

    def _once(self, texts: list[str], *, seconds: float, patience: float) -> Each:
        """One call, and what the breaker learns from it: an endpoint that refuses a text is there, one that is slower than
        those can wait who wait for it is not."""
        begun = time.monotonic()
        try:
            found = wire.post(self._client, self._body | {"input": texts}, dimensions=self._dimensions, seconds=seconds)
        except TextRefused:
            self._breaker.succeeded()
            raise
        except EmbedderRefuses as refuses:
            log.error("embedder_refuses", model=self.model, error=str(refuses))
            self._breaker.failed(retry_seconds=REFUSED_SECONDS)
            raise
        except EmbedderAway as away:
            self._breaker.failed(retry_seconds=away.retry_seconds)
            raise
        if time.monotonic() - begun > patience:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        return found


class _Doubt:
    """When an endpoint refuses one text after the other and takes none, not even a plain one, it is not the texts."""

    def __init__(self, model: str, takes: Callable[[], bool]) -> None:
        self._model, self._takes, self._refused, self._taken = model, takes, 0, False

    def taken(self) -> None:
        self._taken = True

    def is_there(self) -> bool:
        """Whether it has taken something of this call; else it is asked for a plain text."""
        self._taken = self._taken or self._takes()
        return self._taken

    def refused(self, why: TextRefused) -> None:
        self._refused += 1
        if self._refused == DOUBTED_TEXTS and not self.is_there():
            raise EmbedderRefuses(f"{self._model} refuses every text, {DOUBTED_TEXTS} of them in a row: {why}")


def _pause(number: int, asked: float | None) -> float:
    """Seconds: what the endpoint asked for, else twice as long each time, half of it by chance."""
    grown = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0 ** (number - 1))
    return max(asked or 0.0, grown * (0.5 + random.random() / 2))


def _batches(texts: Sequence[list[str]]) -> Iterator[list[list[str]]]:
    """At most EMBEDDINGS_CALL_MAX passages and CALL_BYTES_MAX bytes each, but never less than a text."""
    batch: list[list[str]] = []
    number = size = 0
    for said in texts:
        weight = sum(len(passage.encode()) for passage in said)
        if batch and (number + len(said) > settings.EMBEDDINGS_CALL_MAX or size + weight > CALL_BYTES_MAX):
            yield batch
            batch, number, size = [], 0, 0
        batch.append(said)
        number, size = number + len(said), size + weight
    if batch:
        yield batch


def _one(found: Each, said: list[str]) -> Vector | TextRefused:
    for refused in found:
        if isinstance(refused, TextRefused):
            return refused
    try:
        return joined([vector for vector in found if not isinstance(vector, TextRefused)], [len(s) for s in said])
    except TextRefused as refused:
        return refused
