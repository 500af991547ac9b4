"""The outside world of safety is language: pure functions that say why a result must not pass unseen.

No database, no clock. Every function takes values and answers reasons; `judge_result` puts them together.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    PASS = "pass"
    REVIEW = "review"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a stable code, a sentence for the reviewer, and the words that showed it."""

    code: str
    detail: str
    evidence: str = ""

    def shape(self) -> dict[str, str]:
        shown = {"code": self.code, "detail": self.detail}
        return shown | {"evidence": self.evidence} if self.evidence else shown


@dataclass(frozen=True, slots=True)
class Bands:
    """`passes` and more passes; `reviews` and more goes to a person; below goes back (docs/adr)."""

    passes: Decimal
    reviews: Decimal


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


# Always for a person, whatever the score. Whole words, matched without case.
_TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "politics": (
        "politics",
        (
            r"elections?|ballots?|referendum|political part(?:y|ies)|vote (?:for|against)|voters?|partisan|campaign donations?",
            r"prime minister|president(?:ial)?|parliament(?:ary)?|senator|congress(?:man|woman)?|left[- ]wing|right[- ]wing",
        ),
    ),
    "health_advice": (
        "health advice",
        (
            r"medical advice|diagnos(?:e|es|is)|prescri(?:be|bed|ption)|dosages?|cures?|heals?|side effects?|symptoms?",
            r"vaccin(?:e|es|ation)|(?:lowers?|reduces?) (?:your )?blood pressure|safe to (?:drink|swim|eat)|medication",
            r"good for your (?:heart|health|skin|joints)|remed(?:y|ies)|detox(?:es|ify)?",
        ),
    ),
    "financial_advice": (
        "financial advice",
        (
            r"financial advice|invest(?:ment|ments|ing|or|ors)? (?:in|advice|opportunit(?:y|ies)|now)|guaranteed returns?",
            r"risk[- ]free|buy (?:shares|stocks|bonds|tokens)|(?:share|stock) prices?|double your money|returns? of \d",
            r"dividends?|yields? of \d|crypto(?:currency)?",
        ),
    ),
    "legal_claims": (
        "legal claims",
        (
            r"legal(?:ly)? (?:binding|advice|obliged|entitled|liable)|lawsuits?|sue[ds]?|suing|liabilit(?:y|ies)",
            r"breach of contract|court (?:order|ruling|case)|compensation claims?|infring(?:e|es|ement)",
            r"in violation of (?:the )?law|illegal(?:ly)?|unlawful(?:ly)?",
        ),
    ),
    "security": (
        "security-sensitive actions",
        (
            r"passwords?|private keys?|api keys?|secret keys?|access tokens?|sudo|rm -rf|drop (?:table|database)|ssh keys?",
            r"disable (?:the )?(?:firewall|alarm|antivirus)|seed phrase|root access|backdoors?|exploit(?:s|ed)?|malware",
            r"door codes?|alarm codes?",
        ),
    ),
}
_PATTERNS = {
    code: (name, re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)) for code, (name, words) in _TOPICS.items()
}
TEXT_MAX = 2_000_000  # characters looked at, about half a second; a longer result goes to a person unread


def topics(text: str) -> list[Reason]:
    """One reason per sensitive topic that the text touches, with the words around the first hit."""
    found = []
    for code, (name, pattern) in _PATTERNS.items():
        if hit := pattern.search(text):
            start, end = max(0, hit.start() - 60), min(len(text), hit.end() + 60)
            found.append(
                Reason(
                    f"topic_{code}",
                    f"It touches {name} (“{hit.group()}”), which a person always sees.",
                    text[start:end].strip(),
                )
            )
    return found


def confidence(score: Decimal | None, *, risk_tier: int, bands: Bands, judged: bool) -> Judgement:
    """What the score alone says. Tier 1 always goes to a person; without a score tier 2 does and tier 3 passes."""
    whose = "The judge's score" if judged else "Its confidence"
    if risk_tier == 1:
        return Judgement(Verdict.REVIEW, (Reason("risk_tier_critical", "Risk tier 1: a person always decides."),))
    if score is None:
        if risk_tier == 3:
            return Judgement(Verdict.PASS)
        return Judgement(Verdict.REVIEW, (Reason("no_confidence", "It came without a confidence score."),))
    shown = f"{score:.4f}".rstrip("0").rstrip(".")  # not rounded: 0.8999 is not 0.9
    if score >= bands.passes:
        return Judgement(Verdict.PASS)
    if score >= bands.reviews:
        return Judgement(
            Verdict.REVIEW,
            (
                Reason(
                    "confidence_band",
                    f"{whose} is {shown}: from {bands.reviews} to below {bands.passes} a person decides.",
                ),
            ),
        )
    return Judgement(Verdict.RETRY, (Reason("confidence_low", f"{whose} is {shown}, below {bands.reviews}."),))


class JudgesWord(StrEnum):
    """What a judge may say besides its score."""

    PASS = "pass"
    FAIL = "fail"
    UNCERTAIN = "uncertain"


def judges_score(*, confidence: Decimal | None, output: dict[str, Any], bands: Bands) -> Decimal | None:
    """A judge's score: its `confidence_score`, else `score` in its output; None when neither is a number from 0 to 1.

    Its verdict may lower it: `fail` to below `reviews`, `uncertain` to below `passes`. Words never raise a score.
    """
    score = confidence
    said = output.get("score")
    if score is None and isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said <= 1:
        score = Decimal(str(said)).quantize(Decimal("0.0001"))
    if score is None:
        return None
    step = Decimal("0.0001")
    match output.get("verdict"):
        case JudgesWord.FAIL:
            return min(score, bands.reviews - step)
        case JudgesWord.UNCERTAIN:
            return min(score, bands.passes - step)
    return score


def judge_result(
    *, text: str, score: Decimal | None, risk_tier: int, bands: Bands, attempts_left: int, judged: bool = False
) -> Judgement:
    """Pass, go to a person with all the reasons, or go back for another attempt while there is one."""
    by_score = confidence(score, risk_tier=risk_tier, bands=bands, judged=judged)
    by_topic = tuple(topics(text[:TEXT_MAX]))
    if len(text) > TEXT_MAX:
        by_topic += (Reason("too_long", f"It has more than {TEXT_MAX} characters; the end was not looked at."),)
    match by_score.verdict:
        case Verdict.RETRY if attempts_left > 0:
            return by_score
        case Verdict.RETRY:
            used_up = Reason("attempts_used_up", "There is no attempt left.")
            return Judgement(Verdict.REVIEW, (*by_score.reasons, used_up, *by_topic))
        case Verdict.REVIEW:
            return Judgement(Verdict.REVIEW, (*by_score.reasons, *by_topic))
        case Verdict.PASS:
            return Judgement(Verdict.REVIEW, by_topic) if by_topic else by_score


TIERS = (1, 2, 3)


def passes_from(*, text: str, score: Decimal | None, bands: Bands) -> int | None:
    """The lowest risk tier in which `judge_result` lets it pass; it then passes in every higher one, too. None: in none."""
    by_score = (confidence(score, risk_tier=tier, bands=bands, judged=False).verdict for tier in TIERS)
    passing = [tier for tier, verdict in zip(TIERS, by_score, strict=True) if verdict is Verdict.PASS]
    if not passing or len(text) > TEXT_MAX or topics(text):
        return None
    return min(passing)


def readable(value: Any) -> str:
    """All the text inside a JSON value, keys included, in order, one piece per line."""
    return "\n".join(_strings(value))


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
