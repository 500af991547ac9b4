"""Ask policies: what they say of a result or a spend, with what only another app knows: the task, the agent's trust, the topics.

Runs inside the flow that decides, under its locks; takes none of its own. What a policy in shadow would have done otherwise is
kept in the same transaction, so it says neither more nor less than what happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from chimera.flows.recognise_topics import recognise
from chimera.kernel import clock
from commerce.actions import Purchase
from safety import triggers
from safety.actions import policies, shadowing
from safety.actions.shadowing import Otherwise
from safety.actions.trust import trust_of
from safety.policies import Acting, Due, Kind, Ruling, Subject, Then, evaluate
from safety.triggers import Bands, Judgement, Verdict
from swarm.models import Task

DECIDED_AS = {
    Verdict.PASS: Then.ALLOW,
    Verdict.REVIEW: Then.REVIEW,
    Verdict.RETRY: Then.DENY,
    Verdict.DENY: Then.DENY,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a result, and what it would have been by policies in shadow."""

    judgement: Judgement
    others: Sequence[Otherwise] = ()
    due: Due | None = None  # how long a card about it may wait

    def keep(self, *, result_id: UUID, task: Task, agent_id: UUID) -> None:
        _keep(Kind.RESULT, result_id, task.pk, agent_id, DECIDED_AS[self.judgement.verdict], self.others)


def bands() -> Bands:
    return Bands(passes=settings.CONFIDENCE_PASS, reviews=settings.CONFIDENCE_REVIEW)


def judge(
    *, task: Task, agent_id: UUID, said: Sequence[Any], kept: Any, score: Decimal | None, judged: bool = False
) -> Judged:
    """`said` is what a result would tell the world, `kept` all of it that is kept; `judged` says that the score is its judge's."""
    acting = policies.acting().policies
    subject = Subject(
        kind=Kind.RESULT,
        text=triggers.readable(list(said)),
        kept=kept,
        confidence=score,
        **_of(task, agent_id, acting),
    )
    ruling = evaluate(subject, acting)

    def becomes(ruling: Ruling) -> Judgement:
        left = task.max_attempts - task.attempt_count
        return triggers.judge_result(subject, ruling, bands=bands(), attempts_left=left, judged=judged)

    others = []
    for shadow in ruling.shadows:
        would_be = becomes(shadow.ruling)
        others.append(Otherwise(shadow.policy, DECIDED_AS[would_be.verdict], would_be.reasons))
    return Judged(becomes(ruling), others, ruling.due)


def denying() -> list[Acting]:
    """The rules that deny, of the policies that are enforced: nothing else of them keeps a person from approving."""
    acting = [policy for policy in policies.acting().policies if not policy.shadow]
    rules = [(policy, tuple(rule for rule in policy.rules if rule.then is Then.DENY)) for policy in acting]
    return [replace(policy, rules=those) for policy, those in rules if those]


def denial_of_result(
    *, task: Task, agent_id: UUID, said: Sequence[Any], kept: Any, score: Decimal | None, acting: Sequence[Acting]
) -> str:
    """Why no person may approve it, by the rules that deny; '' where none does. `said` and `kept` as in `judge`."""
    text = triggers.readable(list(said))
    ruling = evaluate(
        Subject(kind=Kind.RESULT, text=text, kept=kept, confidence=score, **_of(task, agent_id, acting)), acting
    )
    return ruling.reasons[0].detail if ruling.then is Then.DENY else ""


def rule_on_spend(*, task: Task, agent_id: UUID, purchase: Purchase, acting: Sequence[Acting] | None = None) -> Ruling:
    """ALLOW where no rule says otherwise; then the budgets decide alone. `acting` is what was asked about the rest of it."""
    acting = policies.acting().policies if acting is None else acting
    return evaluate(spend_subject(purchase, **_of(task, agent_id, acting)), acting) if acting else Ruling(Then.ALLOW)


def rule_on_action(
    *,
    task: Task,
    agent_id: UUID,
    tool: str,
    said: Sequence[Any],
    amount_usd: Decimal | None,
    payee: str,
    acting: Sequence[Acting],
) -> Ruling:
    """ALLOW where no rule says otherwise and no topic is touched; `said` is all of it that somebody may read."""
    subject = Subject(
        kind=Kind.ACTION,
        text=triggers.readable(list(said)),
        kept=list(said),
        tool=tool,
        amount_usd=amount_usd or Decimal(0),
        payee=payee,
        **_of(task, agent_id, acting),
    )
    return evaluate(subject, acting)


def spend_subject(purchase: Purchase, **known: Any) -> Subject:
    return Subject(
        kind=Kind.SPEND,
        text=triggers.readable([purchase.purpose, purchase.category, purchase.payee]),
        kept=[purchase.purpose, purchase.category, purchase.payee, purchase.metadata],
        amount_usd=purchase.amount_usd,
        payee=purchase.payee,
        **({"at": clock.now(), "topics": recognise} | known),  # type: ignore[arg-type]
    )


def keep_shadows(ruling: Ruling, *, kind: Kind, subject_id: UUID, task: Task, agent_id: UUID, was: Then) -> None:
    """Of a spend or an action. `was` is what became of it, by its budgets too: what those refuse, no policy would have let pass."""
    strictest = list(Then)
    others = [
        Otherwise(
            shadow.policy,
            min(shadow.ruling.then or was, _by_budgets(ruling, was), key=strictest.index),
            shadow.ruling.reasons,
        )
        for shadow in ruling.shadows
    ]
    _keep(kind, subject_id, task.pk, agent_id, was, others)


def _by_budgets(ruling: Ruling, was: Then) -> Then:
    """What budgets alone made of it, as far as is known: where a policy decided, they were not in the way."""
    return Then.ALLOW if ruling.then is was else was


def _keep(kind: Kind, subject_id: UUID, task_id: UUID, agent_id: UUID, was: Then, others: Sequence[Otherwise]) -> None:
    if others:
        shadowing.keep(kind=kind, subject_id=subject_id, task_id=task_id, agent_id=agent_id, was=was, others=others)


def _of(task: Task, agent_id: UUID, acting: Sequence[Acting]) -> dict[str, Any]:
    """What is known of the task and its agent; trust where some rule asks for it."""
    asks_trust = any(rule.when.trust is not None for policy in acting for rule in policy.rules)
    return {
        "at": clock.now(),
        "task_type": task.type,
        "role": str(task.role),
        "risk_tier": task.risk_tier,
        "trust": trust_of(agent_id) if asks_trust else None,
        "topics": recognise,
    }
