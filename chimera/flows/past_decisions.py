"""What was decided: results, actions and spends of the last days, newest first, each with what is to be judged anew. Reads only.

Topics are those of the card or the action, and none of what passed, unless some rule lets topics pass; trust is today's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db.models import OuterRef, Subquery

from chimera.flows.ask_policies import DECIDED_AS, bands, spend_subject
from chimera.flows.recognise_topics import recognise
from chimera.kernel import ids
from commerce.actions import Purchase
from commerce.models import Transaction, Transition
from commerce.states import DeniedCode, MoneyStatus
from safety import triggers
from safety.actions.trust import trust_of
from safety.models import Action, CardKind, ReviewCard
from safety.policies import Acting, Kind, Ruling, Subject, Then
from safety.states import ActionStatus
from safety.topics import Topic, Touched, surely
from swarm.models import Task, TaskArtifact, TaskResult

AT_ONCE = 500  # rows that are fetched together
STRICTEST_FIRST = tuple(Then)
T = TypeVar("T")


class Span(Protocol):
    """`since` moves, and `complete` falls, where there are more rows than are read."""

    since: datetime
    complete: bool


@dataclass(frozen=True, slots=True)
class Past:
    """What happened, and what is to be judged anew: an action and its money are two subjects. `becomes` says what the ruling on
    them, the stricter one, makes of it."""

    kind: Kind
    subject_id: UUID
    task_id: UUID
    at: datetime
    what: str
    was: Then
    subjects: tuple[Subject, ...]
    becomes: Callable[[Ruling], Then]


class World:
    """What is asked again and again."""

    def __init__(self, acting: Iterable[Acting]) -> None:
        rules = [rule for policy in acting for rule in policy.rules]
        self._asks_trust = any(rule.when.trust is not None for rule in rules)
        self._trust: dict[UUID, Any] = {}
        self._lets_topics_pass = any(rule.then is Then.ALLOW and rule.when.topics for rule in rules)

    def trust(self, agent_id: UUID) -> Any:
        if self._asks_trust and agent_id not in self._trust:
            self._trust[agent_id] = trust_of(agent_id)
        return self._trust.get(agent_id)

    def topics(self, was: Then, reasons: Iterable[Mapping[str, Any]] | None) -> Callable[[str], tuple[Touched, ...]]:
        return recognise if self._lets_topics_pass else _recorded(was, reasons)


def results(world: World, span: Span, rows_max: int) -> Iterator[Past]:
    rows = (
        TaskResult.objects.filter(created_at__gte=span.since, status="succeeded")  # of tasks however old
        .exclude(outcome="stale")
        .exclude(task__role="judge")
        .select_related("task")
        .order_by("-task_id", "-id")
    )
    for some in _in_chunks(_bounded(rows, span, rows_max, lambda row: row.created_at)):
        cards = {
            card.pk: card for card in ReviewCard.objects.filter(pk__in=[row.review_id for row in some if row.review_id])
        }
        artifacts: dict[UUID, list[Any]] = {}
        for artifact in TaskArtifact.objects.filter(task_id__in={row.task_id for row in some}).order_by("id"):
            artifacts.setdefault(artifact.result_id, []).append([artifact.content, artifact.uri])
        for row in some:
            if (past := _past_result(world, row, cards.get(row.review_id), artifacts.get(row.id, []))) is not None:
                yield past


def _past_result(world: World, row: TaskResult, card: ReviewCard | None, artifacts: list[Any]) -> Past | None:
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
        kept=[said, artifacts, row.reasoning, row.evidence, row.metrics],
        topics=world.topics(was, card.reasons if card else None),
        confidence=row.confidence_score if row.judge_score is None else row.judge_score,
        trust=world.trust(row.agent_id),
    )
    left = task.max_attempts - row.attempt

    def becomes(ruling: Ruling) -> Then:
        judged = row.judge_score is not None
        judgement = triggers.judge_result(subject, ruling, bands=bands(), attempts_left=left, judged=judged)
        return DECIDED_AS[judgement.verdict]

    what = f"{task.type}: {task.description}" if task.description else task.type
    return Past(Kind.RESULT, row.id, row.task_id, row.created_at, what, was, (subject,), becomes)


def _result_was(row: TaskResult, card: ReviewCard | None) -> Then | None:
    if row.outcome == "completed":
        return Then.ALLOW
    if row.outcome in ("retrying", "failed"):
        return Then.DENY
    if card is not None and card.kind == CardKind.JUDGE:
        return None if row.judge_score is None else Then.ALLOW if row.applied else Then.DENY
    return Then.REVIEW


def _recorded(was: Then, reasons: Iterable[Mapping[str, Any]] | None) -> Callable[[str], tuple[Touched, ...]]:
    """The topics that were given as reasons; of what went back unseen those that phrases show; of what passed none."""
    if reasons is None:
        return surely if was is Then.DENY else lambda text: ()
    found = {r["code"].removeprefix("topic_"): r.get("evidence", "") for r in reasons if r["code"].startswith("topic_")}
    touched = tuple(Touched(topic, found[topic]) for topic in Topic if topic in found)
    return lambda text: touched


def actions(world: World, span: Span, rows_max: int) -> Iterator[Past]:
    """As they were first decided, with the money that they would have spent."""
    rows = Action.objects.so_far().filter(pk__gte=ids.first_of(span.since)).defer("output", "evidence").order_by("-pk")
    for some in _in_chunks(_bounded(rows, span, rows_max, lambda row: row.created_at)):
        tasks = Task.objects.in_bulk({row.task_id for row in some})
        yield from (_past_action(world, row, tasks.get(row.task_id)) for row in some)


def _past_action(world: World, row: Action, task: Task | None) -> Past:
    was = _action_was(row)
    arguments = row.arguments if row.original_arguments is None else row.original_arguments
    known = {
        "at": row.created_at,
        "task_type": task.type if task else None,
        "role": str(task.role) if task else None,
        "risk_tier": task.risk_tier if task else None,
        "trust": world.trust(row.agent_id),
        "topics": world.topics(was, row.reasons if was is not Then.ALLOW else None),
    }
    said = [row.tool, arguments, row.payee, row.category, row.purpose]
    subject = Subject(
        kind=Kind.ACTION,
        text=triggers.readable(said),
        kept=said,
        tool=row.tool,
        amount_usd=row.amount_usd or Decimal(0),
        payee=row.payee,
        **known,
    )
    bought = _bought(row, row.purpose or row.tool) if row.amount_usd is not None else None
    money = (spend_subject(bought, **(known | {"topics": surely})),) if bought else ()
    others = Then.ALLOW if Then(row.ruled) is was else was  # where policies decided, nothing else was, as far as known
    what = f"{row.tool}: {task.description}" if task and task.description else row.tool
    return Past(Kind.ACTION, row.pk, row.task_id, row.created_at, what, was, (subject, *money), _beside(others))


def _action_was(row: Action) -> Then:
    if row.review_id is not None:
        return Then.REVIEW
    return Then.DENY if row.status == ActionStatus.DENIED else Then.ALLOW


def spends(world: World, span: Span, rows_max: int) -> Iterator[Past]:
    first = Transition.objects.filter(transaction_id=OuterRef("pk"), version=1).values("to_status")[:1]
    rows = (
        Transaction.objects.so_far()
        .filter(pk__gte=ids.first_of(span.since), metered_usd__isnull=True, action__isnull=True)
        .annotate(began=Subquery(first))
        .defer("metadata")
        .order_by("-pk")
    )
    for some in _in_chunks(_bounded(rows, span, rows_max, lambda row: row.created_at)):
        tasks = Task.objects.in_bulk({row.task_id for row in some})
        cards = {c.transaction_id: c for c in ReviewCard.objects.filter(task_id__in=set(tasks), kind=CardKind.SPEND)}
        yield from (_past_spend(world, row, tasks.get(row.task_id), cards.get(row.pk)) for row in some)


def _past_spend(world: World, row: Any, task: Task | None, card: ReviewCard | None) -> Past:
    by_budgets, was = _by_budgets(row, card)
    subject = spend_subject(
        _bought(row, row.purpose),
        at=row.created_at,
        task_type=task.type if task else None,
        role=str(task.role) if task else None,
        risk_tier=task.risk_tier if task else None,
        trust=world.trust(row.agent_id),
        topics=surely,
    )
    what = f"{row.amount_usd:.2f} USD for {row.payee or row.category or 'an unnamed payee'}"
    return Past(Kind.SPEND, row.pk, row.task_id, row.created_at, what, was, (subject,), _beside(by_budgets))


def _bought(row: Any, purpose: str) -> Purchase:
    return Purchase(
        amount_usd=row.amount_usd,
        asset_symbol=row.asset_symbol,
        payee=row.payee,
        category=row.category,
        purpose=purpose,
    )


def _beside(others: Then) -> Callable[[Ruling], Then]:
    """The stricter of a ruling and what all others made of it."""
    return lambda ruling: min(ruling.then or Then.ALLOW, others, key=STRICTEST_FIRST.index)


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


def _bounded(rows: Any, span: Span, rows_max: int, at: Callable[[Any], datetime]) -> Iterator[Any]:
    """The newest `rows_max`; where there are more, it is said from when on it looked."""
    oldest = None
    for number, row in enumerate(rows[: rows_max + 1].iterator(chunk_size=AT_ONCE)):
        if number == rows_max:
            span.complete = False
            span.since = max(span.since, oldest or span.since)
            return
        oldest = at(row)
        yield row


def _in_chunks(rows: Iterator[T]) -> Iterator[list[T]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some
