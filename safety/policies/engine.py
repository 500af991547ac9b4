"""What policies say of a subject: the first rule that denies, else those that want a person, else the first that allows.

Pure. Policies come in the order of their names, rules in theirs. What is built in stands below the rules: topics, and actions of risk
tier 1, always go to a person, unless the rule that allows names them. Where nothing matched, `then` is None for a result, which
its confidence then decides, and ALLOW for what else there is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from safety.policies.due import Due, shortest
from safety.policies.matching import Match, match, might_match
from safety.policies.rules import Kind, Rule, Then
from safety.policies.subject import TEXT_MAX, Subject
from safety.reasons import Reason
from safety.topics import Topic, reasons_of


@dataclass(frozen=True, slots=True)
class Acting:
    """A policy's version that acts, or, with `shadow`, would."""

    policy_id: UUID
    name: str
    version: int
    rules: tuple[Rule, ...]
    shadow: bool = False

    @property
    def label(self) -> str:
        return f"{self.policy_id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Ruling:
    """`then` is None where nothing matched and its confidence decides. `versions` are those that were asked, `policy@version`."""

    then: Then | None
    reasons: tuple[Reason, ...] = ()
    versions: tuple[str, ...] = ()
    rule: Rule | None = None  # that decided
    waived: frozenset[Topic] = frozenset()  # by the rule that allows
    due: Due | None = None  # how long a card about it may wait; None: as long as any
    shadows: tuple["Shadow", ...] = field(default=(), compare=False)

    def names(self, condition: str) -> bool:
        return self.rule is not None and getattr(self.rule.when, condition) is not None


@dataclass(frozen=True, slots=True)
class Shadow:
    """What it would have been with a policy that is only in shadow."""

    policy: Acting
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class _Hit:
    policy: Acting
    rule: Rule
    match: Match

    def reason(self) -> Reason:
        return Reason(
            code=self.match.code,
            detail=f"{self.match.said} (rule “{self.rule.name}” of the policy “{self.policy.name}”, version {self.policy.version}).",
            evidence=self.match.evidence,
            rule=self.rule.name,
            policy=str(self.policy.policy_id),
            version=self.policy.version,
        )


def evaluate(subject: Subject, acting: Sequence[Acting]) -> Ruling:
    enforced = [policy for policy in acting if not policy.shadow]
    shadows = tuple(
        Shadow(policy, _ruled(subject, in_order([*enforced, policy]))) for policy in acting if policy.shadow
    )
    return replace(_ruled(subject, enforced), shadows=shadows)


def in_order(policies: Iterable[Acting]) -> list[Acting]:
    return sorted(policies, key=lambda policy: (policy.name, str(policy.policy_id)))


def may_stop(subject: Subject, acting: Iterable[Acting]) -> bool:
    """Whether some policy, in shadow or not, might deny it or ask a person, with what is not known yet taken for the worst."""
    return any(
        might_match(rule, subject) for policy in acting for rule in policy.rules if rule.then is not Then.ALLOW
    ) or (subject.kind is Kind.ACTION and any(_lists_tools(policy) for policy in acting))


def _ruled(subject: Subject, policies: Sequence[Acting]) -> Ruling:
    versions = tuple(policy.label for policy in policies)
    denies = next(_hits(subject, policies, Then.DENY), None)
    if denies is not None:
        return Ruling(Then.DENY, (denies.reason(),), versions, denies.rule)
    allows = next(_hits(subject, policies, Then.ALLOW), None)
    asks = list(_hits(subject, policies, Then.REVIEW))
    if subject.kind is Kind.ACTION and any(_lists_tools(policy) for policy in policies):
        known = (*asks, *_hits(subject, policies, Then.ALLOW))
        if not any(hit.rule.when.tools is not None for hit in known):
            return Ruling(Then.DENY, (_unknown_tool(subject, policies),), versions)
    if asks:
        confident = next((hit.rule for hit in asks if hit.rule.when.confidence is not None), asks[0].rule)
        due = shortest(hit.rule.due for hit in asks)
        return Ruling(Then.REVIEW, tuple(hit.reason() for hit in asks), versions, confident, due=due)
    waived = frozenset(allows.rule.when.topics or ()) if allows else frozenset()
    then = Then.ALLOW if allows or subject.kind is not Kind.RESULT else None
    rule = allows.rule if allows else None
    ruling = Ruling(then, (), versions, rule, waived, rule.due if rule else None)
    if subject.kind is Kind.ACTION and (reasons := (*critical(subject, ruling), *built_in(subject, waived))):
        return replace(ruling, then=Then.REVIEW, reasons=reasons)
    return ruling


def critical(subject: Subject, ruling: Ruling) -> tuple[Reason, ...]:
    """Tier 1 goes to a person, unless the rule that allows names tiers."""
    if subject.risk_tier != 1 or ruling.names("risk_tiers"):
        return ()
    return (Reason("risk_tier_critical", "Risk tier 1: a person always decides."),)


def built_in(subject: Subject, waived: frozenset[Topic]) -> tuple[Reason, ...]:
    """Why a text goes to a person whatever its rules and score say."""
    reasons = reasons_of(one for one in subject.touched if one.topic not in waived)
    if subject.too_long:
        reasons += (Reason("too_long", f"It has more than {TEXT_MAX} characters; the end was not looked at."),)
    return reasons


def _hits(subject: Subject, policies: Sequence[Acting], then: Then) -> Iterator[_Hit]:
    for policy in policies:
        for rule in policy.rules:
            if rule.then is then and (found := match(rule, subject)) is not None:
                yield _Hit(policy, rule, found)


def _lists_tools(policy: Acting) -> bool:
    """Whether it says which tools there are, to be used freely or after a look. A list of forbidden ones alone says nothing of others."""
    return any(rule.then is not Then.DENY and rule.when.tools is not None for rule in policy.rules)


def _unknown_tool(subject: Subject, policies: Sequence[Acting]) -> Reason:
    lists = next(policy for policy in policies if _lists_tools(policy))
    return Reason(
        "tool_unknown",
        f"No rule allows the tool “{subject.tool[:80]}” or asks about it; “{lists.name}” lists others (version {lists.version}).",
        policy=str(lists.policy_id),
        version=lists.version,
    )
