"""What becomes of a result: its score's band, what policies say of it, and the topics that always go to a person. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from safety.policies import Ruling, Subject, Then, built_in
from safety.policies.subject import TEXT_MAX
from safety.reasons import Reason
from safety.topics import surely


class Verdict(StrEnum):
    PASS = "pass"
    REVIEW = "review"
    RETRY = "retry"
    DENY = "deny"  # by a policy, with no attempt left


@dataclass(frozen=True, slots=True)
class Bands:
    """`passes` and more passes; `reviews` and more goes to a person; below goes back (docs/adr)."""

    passes: Decimal
    reviews: Decimal


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()

    @property
    def code(self) -> str:
        """Why it goes back or fails, for whoever tries again."""
        return "policy_denied" if self.reasons[0].policy else self.reasons[0].code


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
    subject: Subject, ruling: Ruling, *, bands: Bands, attempts_left: int, judged: bool = False
) -> Judgement:
    """Pass, go to a person with all the reasons, or go back for another attempt while there is one.

    What policies deny goes back too, and fails where no attempt is left. A low score goes back before anybody is asked about it, unless
    the rule that asks is about scores. A rule that allows passes what the bands would not; not tier 1, and no topic, that it does not name.
    """
    tier = 2 if subject.risk_tier is None else subject.risk_tier
    by_score = confidence(subject.confidence, risk_tier=tier, bands=bands, judged=judged)
    match ruling.then:
        case Then.DENY:
            return Judgement(Verdict.RETRY if attempts_left > 0 else Verdict.DENY, ruling.reasons)
        case Then.REVIEW if by_score.verdict is not Verdict.RETRY or ruling.names("confidence"):
            return _asked(
                subject, ruling, by_score if by_score.verdict is Verdict.REVIEW else Judgement(Verdict.REVIEW)
            )
        case Then.ALLOW if tier != 1 or ruling.names("risk_tiers"):
            by_score = Judgement(Verdict.PASS)
    match by_score.verdict:
        case Verdict.RETRY if attempts_left > 0:
            return by_score
        case Verdict.PASS:
            topics = built_in(subject, ruling.waived)
            return Judgement(Verdict.REVIEW, topics) if topics else by_score
        case Verdict.RETRY:
            used_up = Reason("attempts_used_up", "There is no attempt left.")
            return _asked(subject, ruling, Judgement(Verdict.REVIEW, (*by_score.reasons, used_up)))
    return _asked(subject, ruling, by_score)


def _asked(subject: Subject, ruling: Ruling, by_score: Judgement) -> Judgement:
    """All that a person is told: the score's reasons, the rules', and the topics that no rule has named."""
    named = {reason.code for reason in ruling.reasons}
    topics = tuple(reason for reason in built_in(subject, ruling.waived) if reason.code not in named)
    return Judgement(Verdict.REVIEW, (*by_score.reasons, *ruling.reasons, *topics))


TIERS = (1, 2, 3)


def passes_from(*, text: str, score: Decimal | None, bands: Bands) -> int | None:
    """The lowest risk tier in which its score and sure phrases let it pass, and every higher one. None: in none.

    The meaning of its text, and policies, may still have it otherwise.
    """
    by_score = (confidence(score, risk_tier=tier, bands=bands, judged=False).verdict for tier in TIERS)
    passing = [tier for tier, verdict in zip(TIERS, by_score, strict=True) if verdict is Verdict.PASS]
    if not passing or len(text) > TEXT_MAX or surely(text):
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
