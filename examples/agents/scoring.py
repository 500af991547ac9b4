"""The judge's score of a post, from 0 to 1: topic, goal, persona, and proof of what it says.

Every part is a share from 0 to 1 with its reason. What must not be (too long, a word to avoid, nothing to prove it)
fails the post whatever the other parts say.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from examples.agents import finding, language, meaning
from examples.agents.nearness import words

PASS, UNCERTAIN = (
    0.90,
    0.70,
)  # Chimera's default bands; `verdict` speaks of them, the server decides by its own
FAILED_AT_MOST = 0.40  # a score nobody mistakes for a doubtful case

WEIGHTS = {"focus": 0.30, "coverage": 0.20, "sources": 0.20, "goal": 0.10, "persona": 0.10, "room": 0.10}
# Cosines from "nothing to do with it" to "plainly about it", read off the harbour texts; tests/examples keeps them.
FOCUS_RANGE = (0.15, 0.38)
GOAL_RANGE = (0.05, 0.28)
COVERAGE_RANGE = (0.0, 0.75)  # share of the topic's words that the post takes up
ROOM_RANGE = (0.20, 0.60)  # share of the allowed length: a torso, and a post
SUPPORTED_FROM = 0.75  # cosine at which a sentence says what a quote says


@dataclass(frozen=True)
class Scored:
    score: float
    verdict: str  # pass | uncertain | fail
    parts: dict[str, float]
    reasons: list[str]


def score(post: dict[str, Any], order: dict[str, Any], *, goal: str) -> Scored:
    """`post` is the draft's output_payload, `order` its input_payload."""
    text, persona = str(post.get("text", "")), order.get("persona") or {}
    topic, length = str(order.get("topic", "")), int(order.get("length", 0) or 0)
    said = _sentences(text, persona)
    if not said:
        return _decided(0.0, {}, ["There is no text."])
    quotes = [source for source in post.get("sources") or [] if isinstance(source, dict) and source.get("quote")]
    parts, reasons = _parts(said, text, topic, goal, length, quotes)
    faults = _faults(text, length, persona, quotes)
    total = sum(WEIGHTS[name] * value for name, value in parts.items())
    return _decided(min(total, FAILED_AT_MOST) if faults else total, parts, faults + reasons)


def _parts(
    said: list[str], text: str, topic: str, goal: str, length: int, sources: list[dict[str, Any]]
) -> tuple[dict[str, float], list[str]]:
    vectors = meaning.encode(said)
    supports = _supports(said, vectors, sources)
    contexts = [_in_context(sentence, support) for sentence, support in zip(said, supports, strict=True)]
    near = meaning.encode(contexts) @ meaning.encode([topic])[0]
    missing = sorted(set(words(topic)) - set(words(" ".join(contexts))))
    near_goal = float(meaning.encode([text])[0] @ meaning.encode([goal])[0])
    loose = [sentence for sentence, support in zip(said, supports, strict=True) if support is None]
    dangling = [sentence for sentence in said if language.is_dangling(sentence)]
    vague = not any(language.is_concrete(sentence) for sentence in said)
    parts = {
        "focus": float(np.mean([_between(value, FOCUS_RANGE) for value in near])),
        "coverage": _between(1 - len(missing) / max(1, len(set(words(topic)))), COVERAGE_RANGE),
        "goal": _between(near_goal, GOAL_RANGE),
        "sources": 1 - len(loose) / len(said),
        "persona": max(0.0, 1 - 0.5 * len(dangling) / len(said) - 0.4 * vague),
        "room": _between(len(text) / length, ROOM_RANGE) if length else 1.0,
    }
    reasons = [
        f"Off the topic: {_cut(said[i])}" for i in np.argsort(near) if _between(float(near[i]), FOCUS_RANGE) < 0.5
    ]
    reasons += [f"Says nothing about: {', '.join(missing)}."] if parts["coverage"] < 0.9 else []
    reasons += [f"No source says: {_cut(sentence)}" for sentence in loose]
    reasons += [f"Begins in the middle of a thought: {_cut(sentence)}" for sentence in dangling]
    reasons += ["Neither a figure nor a name."] if vague else []
    reasons += [f"Uses {len(text)} of {length} characters."] if parts["room"] < 0.5 else []
    return {name: round(value, 4) for name, value in parts.items()}, reasons


def _faults(text: str, length: int, persona: dict[str, Any], sources: list[dict[str, Any]]) -> list[str]:
    avoided = language.holds_any(text, list(persona.get("avoid") or []))
    return (
        (
            [f"Longer than the {length} characters of the platform: {len(text)}."]
            if length and len(text) > length
            else []
        )
        + ([f"Uses words to avoid: {', '.join(avoided)}."] if avoided else [])
        + ([] if sources else ["Names no source."])
    )


def _sentences(text: str, persona: dict[str, Any]) -> list[str]:
    """What the post claims: without the persona's closing line, the line of sources and the names behind quotations."""
    body = text.replace(str(persona.get("closing") or "\0"), "")
    body = re.sub(r"(?m)^From: .+$", "", body)
    body = re.sub(r"([”\"]) \([^()]{1,60}\)", r"\1", body)
    return [part for block in body.split("\n") if block.strip() for part in language.split(block.strip())]


def _supports(said: list[str], vectors: meaning.Vectors, sources: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """For each sentence the source that says it, if there is one."""
    if not sources:
        return [None] * len(said)
    likeness = vectors @ meaning.encode([str(source["quote"]) for source in sources]).T
    found: list[dict[str, Any] | None] = []
    for index, sentence in enumerate(said):
        exact = next((source for source in sources if sentence.strip('“”"') in str(source["quote"])), None)
        best = int(np.argmax(likeness[index]))
        found.append(exact or (sources[best] if likeness[index, best] >= SUPPORTED_FROM else None))
    return found


def _in_context(sentence: str, source: dict[str, Any] | None) -> str:
    if source is None:
        return sentence
    return finding.Finding(sentence, str(source.get("file", "")), 0, str(source.get("section", ""))).in_context


def _decided(total: float, parts: dict[str, float], reasons: list[str]) -> Scored:
    total = round(min(1.0, max(0.0, total)), 4)
    return Scored(total, verdict_of(total), parts, reasons or ["Nothing to object to."])


def verdict_of(total: float) -> str:
    return "pass" if total >= PASS else "uncertain" if total >= UNCERTAIN else "fail"


def _between(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    return min(1.0, max(0.0, (float(value) - low) / (high - low)))


def _cut(text: str) -> str:
    return text if len(text) <= 90 else text[:87].rstrip() + "…"
