"""Everything that a reviewer wants to know about one card, on one page, in as few queries as that takes. Reads only."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Exists, QuerySet

from chimera.flows import requesters
from chimera.flows.grounds import goes_by_goal
from chimera.flows.show_around import Around, show_around
from chimera.flows.show_hold import Asked, Becomes, show_hold
from chimera.flows.show_lineage import Link, lineage_of
from chimera.flows.show_reviews import Standing, result_shape, standing_of, with_votes
from chimera.kernel.console import panels, show
from chimera.kernel.http.parsing import money_text
from chimera.kernel.identity import Principal
from commerce.models import Transaction
from memory import queries as memory
from safety.actions import digest_of
from safety.actions.deciding import EDITED
from safety.diffs import Change, changes
from safety.models import Action, CardKind, ReviewCard
from safety.quorum import STOPPED, VOTED, deciders, not_asked, takes
from safety.states import CardStatus
from swarm.actions import tasks
from swarm.models import Stop, Task, TaskResult
from swarm.states import StopKind

ALIKE_MAX = 50  # decided cards that are counted
ALIKE_SHOWN_MAX = 5  # of them, the newest
ACTIONS_MAX = 20  # of the task, the newest
SPENDS_SHOWN_MAX = 50  # of the task, the newest; all of them are counted
SAID_MAX = 160  # characters of what an earlier attempt said


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was asked the last time, and how this differs."""

    what: str
    became: str  # what became of that
    why: str
    now: Any  # what is asked this time, to which `changes` lead
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class CardPage:
    lineage: list[Link]  # its task, then those above it; empty when it went after its 90 days
    result: dict[str, Any] | None  # as in the API's review
    action: Action | None
    earlier: Earlier | None
    memories: list[dict[str, Any]]  # frozen when they were used, with what became of them
    attempts: list[TaskResult]  # the earlier ones
    spend: Transaction | None  # that it is about
    spends: list[Transaction]  # all of its task
    stale: bool  # goal, budget or context changed since its agent claimed it: approved, it goes back
    becomes: Becomes  # what decisions make of what they hold
    usage: list[Asked]  # of every budget that the task's spends asked
    around: Around
    standing: Standing  # of its approvals
    barred: dict[int, str]  # while it waits: who may not approve it, and why
    stopped: bool  # all work is: nobody approves anything
    alike: list[ReviewCard] = field(default_factory=list)  # what people decided about such cards, newest first

    @property
    def task(self) -> Task | None:
        return self.lineage[0].task if self.lineage else None

    @property
    def became(self) -> list[tuple[str, int]]:
        """How often people decided what about such cards, in words, the most frequent first."""
        return Counter(became(card) for card in self.alike).most_common()

    def why_barred(self, card: ReviewCard, who: Principal) -> str:
        """Why this person may not approve what stands here; "" for who may, and for those whom it does not ask at all."""
        if card.status != CardStatus.PENDING or not who.has(*deciders(card.quorum)):
            return ""
        if self.stopped:
            return STOPPED
        return self.barred.get(int(who.id), "") or self._why_not_counted(card, who)

    def edits(self, card: ReviewCard, who: Principal) -> bool:
        """Whether this person may approve it in other words, of which nobody has approved anything yet."""
        asked = any(demand.takes(who.roles) for demand in self.standing.demands)
        waits = card.status == CardStatus.PENDING and card.kind in EDITED
        return waits and asked and not self.stopped and int(who.id) not in self.barred

    def _why_not_counted(self, card: ReviewCard, who: Principal) -> str:
        stands = digest_of(card.edited_payload)
        if any(vote.person_id == int(who.id) and vote.payload == stands for vote in self.standing.votes):
            return VOTED
        demands = self.standing.demands
        return "" if takes(demands, who.roles) else not_asked(demands)


def to_show(cards: QuerySet[ReviewCard]) -> QuerySet[ReviewCard]:
    """With all that a page says of a card itself, and whether all work is stopped."""
    stops = Stop.objects.acting().filter(kind=StopKind.STOP)
    return with_votes(cards.select_related("session__campaign", "claimed_by", "decided_by")).annotate(
        stopped=Exists(stops)
    )


def show_card(card: ReviewCard) -> CardPage:
    """A card of `to_show`."""
    lineage = lineage_of(card.task_id)
    spends = spends_of(card.task_id)
    results = [] if card.kind == CardKind.ACTION else _results_of(card.task_id)
    actions = _actions_of(card.task_id) if card.action_id else []
    result = next((row for row in results if row.id == card.result_id), None)
    action = next((row for row in actions if row.pk == card.action_id), None)
    barred = requesters.barred_of(card, actions=actions, spends=spends) if card.status == CardStatus.PENDING else {}
    spend = next((spend for spend in spends if spend.pk == card.transaction_id), None)
    stale = bool(lineage) and goes_by_goal(card) and tasks.was_claimed_before(card.session, lineage[0].task)
    becomes = Becomes.of(card, spends, stale=stale)
    earlier = (
        _earlier_spend(spend, spends)
        if card.kind == CardKind.SPEND
        else _earlier_action(card, action, actions) or _earlier_result(card, result, results)
    )
    return CardPage(
        lineage=lineage,
        result=result_shape(result),
        action=action,
        earlier=earlier,
        memories=memory.frozen_and_since(card.task_id),
        attempts=[row for row in results if row.id != card.result_id],
        spend=spend,
        spends=spends,
        stale=stale,
        becomes=becomes,
        usage=show_hold(becomes, _names(card, lineage)),
        around=show_around(about=_things(card, results, actions, spends), session_id=card.session_id),
        standing=standing_of(card, barred),
        barred=barred,
        stopped=card.stopped,  # type: ignore[attr-defined]
        alike=_alike(card),
    )


def _results_of(task_id: UUID) -> list[TaskResult]:
    return list(TaskResult.objects.filter(task_id=task_id).select_related("agent").order_by("-id"))


def _actions_of(task_id: UUID) -> list[Action]:
    return list(Action.objects.of_task(task_id).order_by("-pk")[:ACTIONS_MAX])


def _alike(card: ReviewCard) -> list[ReviewCard]:
    rows = ReviewCard.objects.decided_alike(card.alike).exclude(pk=card.pk).select_related("decided_by")
    return list(rows.defer("reasons", "quorum")[:ALIKE_MAX])


def _earlier_action(card: ReviewCard, action: Action | None, actions: Sequence[Action]) -> Earlier | None:
    """The last one of this task with the same tool."""
    before = next((a for a in actions if action and a.pk < action.pk and a.tool == action.tool), None)
    if action is None or before is None:
        return None
    now = _asked_for(action, card.edited_payload)
    return Earlier(str(before), before.status, before.ended_reason, now, changes(_asked_for(before), now))


def _earlier_spend(spend: Transaction | None, spends: Sequence[Transaction]) -> Earlier | None:
    """The last one of this task about which a person was asked."""
    before = next((s for s in spends if spend and s.pk < spend.pk and s.review), None)
    if spend is None or before is None:
        return None
    now = bought(spend)
    return Earlier(str(before), before.status, before.denied_reason, now, changes(bought(before), now))


def bought(spend: Transaction) -> dict[str, Any]:
    """What exactly it asks for, as JSON."""
    words = {name: getattr(spend, name) for name in ("asset_symbol", "payee", "category", "purpose", "metadata")}
    return {"amount_usd": money_text(spend.amount_usd), **words}


def became(card: ReviewCard) -> str:
    if card.status == CardStatus.APPROVED and card.edited_payload is not None:
        return "approved as edited"
    return str(card.status).replace("_", " ")


def said_in(attempt: TaskResult) -> str:
    """One line of what it handed in, or of why it failed."""
    if attempt.error:
        return show.short(f"{attempt.error.get('code', '')}: {attempt.error.get('message', '')}", SAID_MAX)
    said = "; ".join(text for _, text in panels.texts(attempt.output_payload or {})[:3]) or attempt.reasoning
    return show.short(said, SAID_MAX)


def _asked_for(action: Action, edited: dict[str, Any] | None = None) -> dict[str, Any]:
    """With what a reviewer made of its arguments, where others must approve that too."""
    document = action.document()
    money = {name: document["action"][name] for name in ("payee", "category", "asset_symbol")}
    arguments: dict[str, Any] = action.arguments if edited is None else edited
    return arguments | {f"({name})": value for name, value in (money | {"amount_usd": document["amount_usd"]}).items()}


def _earlier_result(card: ReviewCard, result: TaskResult | None, results: Sequence[TaskResult]) -> Earlier | None:
    """The last attempt that said something."""
    if result is None:
        return None
    before = next((r for r in results if r.id < result.id and r.output_payload is not None), None)
    if before is None:
        return None
    now = result.output_payload if card.edited_payload is None else card.edited_payload
    return Earlier(f"attempt {before.attempt}", before.outcome, "", now, changes(before.output_payload, now))


def _things(
    card: ReviewCard, results: Sequence[TaskResult], actions: Sequence[Action], spends: Sequence[Transaction]
) -> set[UUID]:
    """All whose facts are the history of this card's task."""
    cards = {row.review_id for row in results} | {row.review_id for row in actions} | {spend.review for spend in spends}
    own = {card.pk, card.task_id, *(a.pk for a in actions), *(s.pk for s in spends)}
    return own | {card_id for card_id in cards if card_id is not None}


def _names(card: ReviewCard, lineage: Sequence[Link]) -> dict[UUID, str]:
    names = {card.session_id: str(card.session)}
    if card.session.campaign:
        names[card.session.campaign.pk] = str(card.session.campaign)
    for link in lineage:
        names[link.task.pk] = str(link.task)
        if link.task.agent_id and link.agent:
            names[link.task.agent_id] = link.agent
    return names


def spends_of(task_id: UUID) -> list[Transaction]:
    return list(Transaction.objects.of_task(task_id).order_by("-pk"))


def tasks_of(task_ids: Iterable[UUID]) -> dict[UUID, Task]:
    """The tasks that are still there, in one query. A join would drop the rows of those that are gone."""
    wanted = set(task_ids)
    if not wanted:
        return {}
    return {row.pk: row for row in Task.objects.filter(pk__in=wanted).defer("input_payload", "metadata")}
