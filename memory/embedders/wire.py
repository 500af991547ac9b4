"""One call to an OpenAI-compatible `POST {base}/embeddings`, and what its answer means.

* 408, 425, 429, 5xx, no connection, no answer in time, half an answer: EmbedderAway, worth another try.
* 500 and 502 of these: EmbedderFails, which another try may show to be about one of the texts.
* 400, 413, 422: TextRefused, about one of the texts that were sent.
* Any other status, vectors of the wrong dimension, not one vector for each text: EmbedderRefuses, no use trying.

Nothing of an answer's words goes into a reason: endpoints repeat keys and texts in theirs.
"""

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from chimera.kernel import clock
from memory.embedders import vectors
from memory.embedders.port import Each, EmbedderAway, EmbedderFails, EmbedderRefuses, TextRefused
from memory.limits import ANSWERED_BYTES_PER_NUMBER, ERROR_BYTES_MAX

LATER = {408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529}
FAILS = {500, 502}  # of an endpoint that breaks down, which may be at one of the texts
ABOUT_A_TEXT = {400, 413, 422}
CODE = re.compile(r"[a-z][a-z0-9_.-]{1,63}", re.ASCII)


def post(client: httpx.Client, body: dict[str, Any], *, dimensions: int, seconds: float) -> Each:
    """A vector or a refusal for each text of `input`. Ends within `seconds`, give or take one read of as long."""
    ends = time.monotonic() + seconds
    texts: Sequence[str] = body["input"]
    most = len(texts) * dimensions * ANSWERED_BYTES_PER_NUMBER + ERROR_BYTES_MAX
    model = body["model"]
    try:
        with client.stream("POST", "/embeddings", json=body, timeout=seconds) as response:
            if response.status_code != 200:
                raise _refusal(model, response, _read(response, most=ERROR_BYTES_MAX, ends=ends, cut=True))
            raw = _read(response, most=most, ends=ends)
    except httpx.TimeoutException as error:
        raise EmbedderAway(f"{model} did not answer within {seconds:g} s") from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise EmbedderAway(f"{model} cannot be reached, or broke off: {type(error).__name__}") from error
    return _vectors(raw, texts=len(texts), dimensions=dimensions, model=model)


def _read(response: httpx.Response, *, most: int, ends: float, cut: bool = False) -> bytes:
    raw = bytearray()
    for chunk in response.iter_bytes():
        raw += chunk
        if len(raw) > most:
            if cut:
                break
            raise EmbedderRefuses(
                f"the endpoint answered more than the {most} bytes that the vectors asked for can take"
            )
        if time.monotonic() > ends:
            raise EmbedderAway("the endpoint was still sending when its time was over")
    return bytes(raw)


def _refusal(model: str, response: httpx.Response, raw: bytes) -> EmbedderAway:
    status = response.status_code
    said = f"{model}: HTTP {status}{_code(raw)}"
    if status in FAILS:
        return EmbedderFails(said, retry_seconds=retry_after(response.headers.get("Retry-After", "")))
    if status in LATER:
        return EmbedderAway(said, retry_seconds=retry_after(response.headers.get("Retry-After", "")))
    if status in ABOUT_A_TEXT:
        return TextRefused(said)
    return EmbedderRefuses(said)


def _code(raw: bytes) -> str:
    """`error.code` or `error.type`, if it is a word that cannot hold a secret."""
    try:
        error = json.loads(raw)["error"]
        found = [error.get("code"), error.get("type")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    words = [word for word in found if isinstance(word, str) and CODE.fullmatch(word)]
    return f" {words[0]}" if words else ""


def retry_after(said: str) -> float | None:
    """Seconds from a Retry-After of either form, a number of seconds or a date; None when it says nothing that can be read."""
    said = said.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", said, re.ASCII):
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - clock.now()).total_seconds())


def _vectors(raw: bytes, *, texts: int, dimensions: int, model: str) -> Each:
    """By `index` and not by position."""
    try:
        rows = json.loads(raw)["data"]
        by_index = {row["index"]: row["embedding"] for row in rows}
        orderly = len(by_index) == len(rows) and all(type(index) is int for index in by_index)
    except (ValueError, RecursionError) as error:
        raise EmbedderAway(f"{model} answered something that is no JSON") from error
    except (KeyError, TypeError) as error:
        raise EmbedderRefuses(
            f"{model} answered no `data` of `index` and `embedding`: is this an embeddings endpoint?"
        ) from error
    if not orderly or set(by_index) != set(range(texts)):
        raise EmbedderRefuses(f"{model} answered {len(rows)} vectors for {texts} texts, or an index twice")
    return [_vector(by_index[index], dimensions=dimensions, model=model) for index in range(texts)]


def _vector(raw: Any, *, dimensions: int, model: str) -> Any:
    try:
        return vectors.read(raw, dimensions=dimensions, model=model)
    except TextRefused as refused:
        return refused
