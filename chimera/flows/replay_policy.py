"""Replay: what results, actions and spends of the last days would have become, had a policy had these rules and been enforced. Reads only.

It judges with what was known then, as far as it is kept: topics are those of the card or the action, and none of what passed, unless
some rule lets topics pass; trust is today's, and so are the bands and the other policies. What budgets refused stays refused; an
action is judged with the money that it would have spent. Never more than `rows_max` of each.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chimera.flows import past_decisions
from chimera.flows.past_decisions import STRICTEST_FIRST, Past
from chimera.kernel import clock
from safety.actions import policies
from safety.models import Policy
from safety.policies import Acting, Kind, Rule, Ruling, Then, evaluate
from safety.policies.engine import in_order

DAYS, DAYS_MAX = 30, 90  # tasks are kept for ninety
ROWS_MAX = 5_000  # of results, of actions, and of spends: some seconds
DIFFERENCES_MAX = 50


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Kind
    subject_id: UUID
    task_id: UUID
    at: datetime
    what: str
    was: Then
    would_be: Then
    rule: str
    detail: str


@dataclass(slots=True)
class Replay:
    """`since` is where it began; later than asked for where there were more rows (`complete` is False)."""

    since: datetime
    looked_at: int = 0
    complete: bool = True
    outcomes: Counter[tuple[Kind, Then, Then]] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)


def replay_policy(*, policy: Policy, rules: Sequence[Rule], days: int = DAYS, rows_max: int = ROWS_MAX) -> Replay:
    since = clock.now() - timedelta(days=min(days, DAYS_MAX))
    replay = Replay(since)
    others = [acting for acting in policies.acting().policies if acting.policy_id != policy.pk and not acting.shadow]
    acting = in_order([*others, Acting(policy.pk, policy.name, policy.rules_version, tuple(rules))])
    world = past_decisions.World([*acting, *policies.acting().policies])
    for read in (past_decisions.results, past_decisions.actions, past_decisions.spends):
        for past in read(world, replay, rows_max):
            _add(replay, past, [evaluate(subject, acting) for subject in past.subjects], policy.pk)
    return replay


def _add(replay: Replay, past: Past, rulings: Sequence[Ruling], policy_id: UUID) -> None:
    ruling = min(rulings, key=lambda each: STRICTEST_FIRST.index(each.then or Then.ALLOW))
    would_be = past.becomes(ruling)
    ours = [reason for reason in ruling.reasons if reason.policy == str(policy_id)]
    allowed = ruling.rule.name if ruling.then is Then.ALLOW and ruling.rule is not None else ""
    rule = ours[0].rule if ours else allowed
    replay.looked_at += 1
    replay.outcomes[past.kind, past.was, would_be] += 1
    if rule:
        replay.by_rule[rule] += 1
    if would_be is not past.was and len(replay.differences) < DIFFERENCES_MAX:
        detail = ruling.reasons[0].detail if ruling.reasons else ""
        replay.differences.append(
            Difference(past.kind, past.subject_id, past.task_id, past.at, past.what, past.was, would_be, rule, detail)
        )


def show_replay(replay: Replay) -> dict[str, Any]:
    """As the API and the command line show it."""
    return {
        "since": replay.since,
        "looked_at": replay.looked_at,
        "complete": replay.complete,
        "outcomes": [
            {"kind": str(kind), "was": str(was), "would_be": str(would_be), "count": count}
            for (kind, was, would_be), count in sorted(replay.outcomes.items())
        ],
        "rules": [{"rule": rule, "count": count} for rule, count in replay.by_rule.most_common()],
        "differences": [
            {
                "kind": str(each.kind),
                "subject": str(each.subject_id),
                "task": str(each.task_id),
                "at": each.at,
                "what": each.what[:200],
                "was": str(each.was),
                "would_be": str(each.would_be),
                "rule": each.rule,
                "detail": each.detail,
            }
            for each in replay.differences
        ],
    }
