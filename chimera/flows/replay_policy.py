"""Replay: what results and spends of the last days would have become, had a policy had these rules and been enforced. Reads only.

It judges with what was known then, as far as it is kept: topics are those of the card, and none of what passed, unless some rule lets
topics pass; trust is today's, and so are the bands and the other policies. What budgets refused stays refused. Never more than
`rows_max` of each.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import OuterRef, Subquery

from chimera.flows.ask_policies import DECIDED_AS, bands, spend_subject
from chimera.flows.recognise_topics import recognise
from chimera.kernel import clock, ids
from commerce.actions import Purchase
from commerce.models import Transaction, Transition
from commerce.states import DeniedCode, MoneyStatus
from safety import triggers
from safety.actions import policies
from safety.actions.trust import trust_of
from safety.models import CardKind, Policy, ReviewCard
from safety.policies import Acting, Kind, Rule, Ruling, Subject, Then, evaluate
from safety.policies.engine import in_order
from safety.topics import Topic, Touched, surely
from swarm.models import Task, TaskArtifact, TaskResult

DAYS, DAYS_MAX = 30, 90  # tasks are kept for ninety
ROWS_MAX = 5_000  # of results, and of spends: some seconds
AT_ONCE = 500  # rows that are fetched together
DIFFERENCES_MAX = 50
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class _Past:
    """What happened, and what is to be judged anew. `becomes` says what a ruling makes of it."""

    kind: Kind
    subject_id: UUID
    task_id: UUID
    at: datetime
    what: str
    was: Then
    subject: Subject
    becomes: Callable[[Ruling], Then]


def replay_policy(*, policy: Policy, rules: Sequence[Rule], days: int = DAYS, rows_max: int = ROWS_MAX) -> Replay:
    since = clock.now() - timedelta(days=min(days, DAYS_MAX))
    replay = Replay(since)
    others = [acting for acting in policies.acting().policies if acting.policy_id != policy.pk and not acting.shadow]
    acting = in_order([*others, Acting(policy.pk, policy.name, policy.rules_version, tuple(rules))])
    world = _World(acting, [*acting, *policies.acting().policies])
    for past in (*_results(world, replay, rows_max), *_spends(world, replay, rows_max)):
        _add(replay, past, evaluate(past.subject, acting), policy.pk)
    return replay


def _add(replay: Replay, past: _Past, ruling: Ruling, policy_id: UUID) -> None:
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


class _World:
    """What is asked again and again."""

    def __init__(self, acting: Sequence[Acting], all_rules: Iterable[Acting]) -> None:
        rules = [rule for policy in all_rules for rule in policy.rules]
        self._asks_trust = any(rule.when.trust is not None for rule in rules)
        self._trust: dict[UUID, Any] = {}
        self.lets_topics_pass = any(rule.then is Then.ALLOW and rule.when.topics for rule in rules)

    def trust(self, agent_id: UUID) -> Any:
        if self._asks_trust and agent_id not in self._trust:
            self._trust[agent_id] = trust_of(agent_id)
        return self._trust.get(agent_id)


def _results(world: _World, replay: Replay, rows_max: int) -> Iterator[_Past]:
    rows = (
        TaskResult.objects.filter(task_id__gte=ids.first_of(replay.since), status="succeeded")
        .exclude(outcome="stale")
        .exclude(task__role="judge")
        .select_related("task")
        .order_by("-task_id", "-id")
    )
    for some in _in_chunks(_bounded(rows, replay, rows_max, lambda row: row.created_at)):
        cards = {
            card.pk: card for card in ReviewCard.objects.filter(pk__in=[row.review_id for row in some if row.review_id])
        }
        artifacts: dict[UUID, list[Any]] = {}
        for artifact in TaskArtifact.objects.filter(task_id__in={row.task_id for row in some}).order_by("id"):
            artifacts.setdefault(artifact.result_id, []).append([artifact.content, artifact.uri])
        for row in some:
            if (past := _past_result(world, row, cards.get(row.review_id), artifacts.get(row.id, []))) is not None:
                yield past


def _past_result(world: _World, row: TaskResult, card: ReviewCard | None, artifacts: list[Any]) -> _Past | None:
    """None for what nobody has judged yet."""
    task, was = row.task, _result_was(row, card)
    if was is None:
        return None
    said = row.output_payload if row.original_payload is None else row.original_payload
    subject = Subject(
        kind=Kind.RESULT,
        at=row.created_at,
        task_type=task.type,
        role=str(task.role),
        risk_tier=task.risk_tier,
        text=triggers.readable([said, artifacts]),
        topics=recognise if world.lets_topics_pass else _recorded(was, card),
        confidence=row.confidence_score if row.judge_score is None else row.judge_score,
        trust=world.trust(row.agent_id),
    )
    left = task.max_attempts - row.attempt

    def becomes(ruling: Ruling) -> Then:
        judged = row.judge_score is not None
        judgement = triggers.judge_result(subject, ruling, bands=bands(), attempts_left=left, judged=judged)
        return DECIDED_AS[judgement.verdict]

    what = f"{task.type}: {task.description}" if task.description else task.type
    return _Past(Kind.RESULT, row.id, row.task_id, row.created_at, what, was, subject, becomes)


def _result_was(row: TaskResult, card: ReviewCard | None) -> Then | None:
    if row.outcome == "completed":
        return Then.ALLOW
    if row.outcome in ("retrying", "failed"):
        return Then.DENY
    if card is not None and card.kind == CardKind.JUDGE:
        return None if row.judge_score is None else Then.ALLOW if row.applied else Then.DENY
    return Then.REVIEW


def _recorded(was: Then, card: ReviewCard | None) -> Callable[[str], tuple[Touched, ...]]:
    """The topics of its card; of what went back unseen those that phrases show; of what passed none."""
    if card is None:
        return surely if was is Then.DENY else lambda text: ()
    found = {
        r["code"].removeprefix("topic_"): r.get("evidence", "") for r in card.reasons if r["code"].startswith("topic_")
    }
    touched = tuple(Touched(topic, found[topic]) for topic in Topic if topic in found)
    return lambda text: touched


def _spends(world: _World, replay: Replay, rows_max: int) -> Iterator[_Past]:
    first = Transition.objects.filter(transaction_id=OuterRef("pk"), version=1).values("to_status")[:1]
    rows = (
        Transaction.objects.so_far()
        .filter(pk__gte=ids.first_of(replay.since), metered_usd__isnull=True)
        .annotate(began=Subquery(first))
        .defer("metadata")
        .order_by("-pk")
    )
    for some in _in_chunks(_bounded(rows, replay, rows_max, lambda row: row.created_at)):
        tasks = Task.objects.in_bulk({row.task_id for row in some})
        cards = {c.transaction_id: c for c in ReviewCard.objects.filter(task_id__in=set(tasks), kind=CardKind.SPEND)}
        yield from (_past_spend(world, row, tasks.get(row.task_id), cards.get(row.pk)) for row in some)


def _past_spend(world: _World, row: Any, task: Task | None, card: ReviewCard | None) -> _Past:
    by_budgets, was = _by_budgets(row, card)
    bought = Purchase(
        amount_usd=row.amount_usd,
        asset_symbol=row.asset_symbol,
        payee=row.payee,
        category=row.category,
        purpose=row.purpose,
    )
    subject = spend_subject(
        bought,
        at=row.created_at,
        task_type=task.type if task else None,
        role=str(task.role) if task else None,
        risk_tier=task.risk_tier if task else None,
        trust=world.trust(row.agent_id),
        topics=surely,
    )
    strictest = list(Then)

    def becomes(ruling: Ruling) -> Then:
        return min(ruling.then or Then.ALLOW, by_budgets, key=strictest.index)

    what = f"{row.amount_usd:.2f} USD for {row.payee or row.category or 'an unnamed payee'}"
    return _Past(Kind.SPEND, row.pk, row.task_id, row.created_at, what, was, subject, becomes)


def _by_budgets(row: Any, card: ReviewCard | None) -> tuple[Then, Then]:
    """What budgets alone made of a spend, as far as is known, and what became of it at once."""
    match row.began:
        case MoneyStatus.DENIED:
            ours = row.denied_code == DeniedCode.POLICY_DENIED
            return (Then.ALLOW if ours else Then.DENY), Then.DENY
        case MoneyStatus.REVIEW:
            asked = card is None or any(r["code"] == "spend_above_threshold" for r in card.reasons)
            return (Then.REVIEW if asked else Then.ALLOW), Then.REVIEW
    return Then.ALLOW, Then.ALLOW


def _bounded(rows: Any, replay: Replay, rows_max: int, at: Callable[[Any], datetime]) -> Iterator[Any]:
    """The newest `rows_max`; where there are more, the replay says from when on it looked."""
    oldest = None
    for number, row in enumerate(rows[: rows_max + 1].iterator(chunk_size=AT_ONCE)):
        if number == rows_max:
            replay.complete = False
            replay.since = max(replay.since, oldest or replay.since)
            return
        oldest = at(row)
        yield row


def _in_chunks(rows: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


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
