"""Actions of agents: proposed, decided, executed once, settled. Under their task's lock, which covers them (docs/locking.md).

What their money does besides stands in the flows.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q

from chimera.kernel import clock, ids
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import Refused, Stale, conflict, forbidden
from chimera.kernel.eventlog import tell
from safety import digests
from safety.events import (
    ActionApproved,
    ActionDenied,
    ActionDied,
    ActionExecuted,
    ActionLost,
    ActionProposed,
    ActionRebound,
    ActionSettled,
)
from safety.models import Action, ReviewCard
from safety.models.action import amount_text
from safety.queries import ActionQuerySet
from safety.states import ACTION, ACTION_UNSETTLED, ActionStatus, CardStatus

ARGUMENTS_BYTES_MAX = 64 * 1024  # what a person can still look through before letting it happen
DEFAULT_ASSET = "USD"
_UNLEASED: dict[str, Any] = {"lease_token": None, "resume_deadline": None}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What an agent wants to do. `purpose` is for people: nothing is decided by it, and no approval is bound to it."""

    tool: str
    arguments: dict[str, Any]
    amount_usd: Decimal | None = None
    asset_symbol: str = DEFAULT_ASSET
    payee: str = ""
    category: str = ""
    purpose: str = ""
    correlation_key: str = ""  # under which a decision may be there already

    def asked(self) -> str:
        """Equal for equal questions, whoever asks and when. 422 for numbers that not everybody reads alike."""
        amount = amount_text(self.amount_usd)
        said = [self.tool, self.arguments, amount, self.asset_symbol if amount else "", self.payee, self.category]
        return digests.digest(said)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What was decided of a proposal at once, and on which grounds."""

    status: ActionStatus
    goal: list[int | None]
    evidence: list[dict[str, Any]]
    policies: list[dict[str, Any]] = field(default_factory=list)
    ruled: str = "allow"
    reasons: list[dict[str, Any]] = field(default_factory=list)
    transaction_id: UUID | None = None
    review_id: UUID | None = None
    replaces: UUID | None = None


def propose(
    *,
    action_id: UUID,
    task_id: UUID,
    session_id: UUID,
    agent_id: UUID,
    lease_token: UUID,
    proposal: Proposal,
    decided: Decided,
    by: Actor,
) -> Action:
    """Write it, with what was decided. One in review is its card's: the caller has opened it, and BLOCKED the task."""
    allowed, denied = decided.status is ActionStatus.ALLOWED, decided.status is ActionStatus.DENIED
    action = Action(
        id=action_id,
        task_id=task_id,
        session_id=session_id,
        agent_id=agent_id,
        tool=proposal.tool,
        arguments=proposal.arguments,
        amount_usd=proposal.amount_usd,
        asset_symbol=proposal.asset_symbol if proposal.amount_usd is not None else "",
        payee=proposal.payee,
        category=proposal.category,
        purpose=proposal.purpose,
        asked=proposal.asked(),
        status=decided.status,
        goal=decided.goal,
        policies=decided.policies,
        ruled=decided.ruled,
        evidence=decided.evidence,
        transaction_id=decided.transaction_id,
        review_id=decided.review_id,
        reasons=decided.reasons,
        replaces=decided.replaces,
        lease_token=lease_token if allowed else None,
        ended_at=clock.now() if denied else None,
        ended_reason=decided.reasons[0]["detail"][:500] if denied else "",
        created_at=ids.time_of(action_id),
    )
    action.digest = action.digest_with()
    action.save(force_insert=True)
    codes = [reason["code"] for reason in decided.reasons]
    tell(ActionProposed.about(action, reasons=codes, replaces=decided.replaces), by=by)
    return action


def equal_of(task_id: UUID, lease_token: UUID, proposal: Proposal) -> Action | None:
    """The allowed action of this task that asks the very same, and is this lease's or waits for the next: the newest."""
    rows = _alike(Action.objects.of_task(task_id).filter(status=ActionStatus.ALLOWED), proposal)
    return next((row for row in rows if row.lease_token in (None, lease_token)), None)


def unsettled(task_id: UUID, proposal: Proposal) -> Action | None:
    """One that asked the very same, was begun, and of which nobody has said what came."""
    return next(_alike(Action.objects.of_task(task_id).filter(status__in=ACTION_UNSETTLED), proposal), None)


def _alike(rows: ActionQuerySet, proposal: Proposal) -> Iterator[Action]:
    """Those that ask the very same: in their agent's words, or in those of the person who edited them. The newest first."""
    asked = proposal.asked()
    edited = Q(original_arguments__isnull=False)
    for row in rows.filter(Q(asked=asked) | edited).order_by("-pk"):
        if row.asked == asked or asked_with(row, row.arguments) == asked:
            yield row


def asked_with(action: Action, arguments: dict[str, Any]) -> str:
    """What it would ask in these words."""
    words = Proposal(
        tool=action.tool,
        arguments=arguments,
        amount_usd=action.amount_usd,
        asset_symbol=action.asset_symbol,
        payee=action.payee,
        category=action.category,
    )
    return words.asked()


def rebind(*, action: Action, lease_token: UUID, by: Actor) -> None:
    """The claim that it waited for has come. Nothing happens where this lease has it already."""
    if action.lease_token == lease_token:
        return
    changes: dict[str, Any] = {"lease_token": lease_token, "resume_deadline": None}
    same = Action.objects.filter(pk=action.pk, status=ActionStatus.ALLOWED, version=action.version)
    if same.update(**changes, version=F("version") + 1) != 1:
        raise Stale("This action changed while you were at it; read it again.")
    for name, value in (changes | {"version": action.version + 1}).items():
        setattr(action, name, value)
    tell(ActionRebound.about(action), by=by)


def approve(*, action: Action, deadline: datetime, arguments: dict[str, Any] | None = None, by: Actor) -> None:
    """It waits for its task's next claim. With `arguments` these are what was approved, and what may be executed."""
    digest = action.digest_with(arguments)  # tells true from 1, which Python takes for equal
    edited = digest != action.digest
    changes: dict[str, Any] = {}
    if edited:
        changes = {"arguments": arguments, "original_arguments": action.arguments, "digest": digest}
    ACTION.advance(action, to=ActionStatus.ALLOWED, resume_deadline=deadline, **changes)
    tell(ActionApproved.about(action, edited=edited), by=by)


def deny(*, action: Action, reason: str, by: Actor) -> None:
    ACTION.advance(action, to=ActionStatus.DENIED, ended_at=clock.now(), ended_reason=reason[:500])
    tell(ActionDenied.about(action, reason=reason[:500]), by=by)


def end(*, action: Action, reason: str, by: Actor) -> None:
    """It will not be executed."""
    ACTION.advance(action, to=ActionStatus.DEAD, ended_at=clock.now(), ended_reason=reason[:500], **_UNLEASED)
    tell(ActionDied.about(action, reason=reason[:500]), by=by)


def check_executable(action: Action, lease_token: UUID) -> None:
    """409 that says what became of it; `action_dead` too where it was allowed to another lease than this one."""
    if action.status == ActionStatus.ALLOWED and action.lease_token in (None, lease_token):
        return
    match ActionStatus(action.status):
        case ActionStatus.REVIEW:
            code, sentence = "action_in_review", "A person decides about this action; it waits for its card."
        case ActionStatus.DENIED:
            code, sentence = "action_denied", f"This action was denied: {action.ended_reason}"
        case ActionStatus.ALLOWED | ActionStatus.DEAD:
            code, sentence = (
                "action_dead",
                "This action was not executed in time, or not as it was allowed; propose it anew.",
            )
        case _:
            raise _executed(action)
    raise conflict(sentence, code=code, action=str(action.pk), status_now=str(action.status))


def check_under_way(action: Action) -> None:
    """409 `already_executed` where its token would begin the effect once more: what came of it is known, or its time is over."""
    if action.status != ActionStatus.EXECUTING:
        raise _executed(action)


def _executed(action: Action) -> Refused:
    return conflict(
        "The execution token of this action was given already, and is given once; propose it anew to do it again.",
        code="already_executed",
        action=str(action.pk),
        status_now=str(action.status),
    )


def begin(*, action: Action, agent_id: UUID, by: Actor) -> str:
    """The execution token of this agent, which is shown now and never again."""
    token, at = secrets.token_urlsafe(32), clock.now()
    ACTION.advance(
        action,
        to=ActionStatus.EXECUTING,
        token_digest=digests.digest_of_token(token),
        executed_by=agent_id,
        executed_at=at,
        execution_deadline=at + settings.EXECUTION_MAX,
        **_UNLEASED,
    )
    tell(ActionExecuted.about(action), by=by)
    return token


def check_token(action: Action, token: str, *, agent_id: UUID) -> None:
    """403 unless it is the token that this very agent was given."""
    kept = bytes(action.token_digest) if action.token_digest else b""
    if action.executed_by != agent_id or not secrets.compare_digest(kept, digests.digest_of_token(token)):
        raise forbidden("This is not the execution token of this action.", code="execution_token")


def settle(
    *,
    action: Action,
    status: ActionStatus,
    output: dict[str, Any] | None,
    cost_usd: Decimal | None,
    over_usd: Decimal | None,
    by: Actor,
) -> None:
    ACTION.advance(
        action,
        to=status,
        output=output,
        cost_usd=cost_usd,
        ended_at=clock.now(),
        ended_reason="",
        execution_deadline=None,
    )
    tell(ActionSettled.about(action, cost_usd=cost_usd, over_usd=over_usd), by=by)


def lose(*, action: Action) -> None:
    """Nobody said in time what came of it."""
    reason = "Nobody said in time what came of it; its money counts as spent."
    ACTION.advance(action, to=ActionStatus.LOST, ended_at=clock.now(), ended_reason=reason, execution_deadline=None)
    tell(ActionLost.about(action), by=SYSTEM)


def follow(*, card: ReviewCard, by: Actor) -> None:
    """What became of its card becomes of the action. Nothing happens for a card of none."""
    action = Action.objects.filter(pk=card.action_id, status=ActionStatus.REVIEW).first() if card.action_id else None
    if action is None:
        return
    match CardStatus(card.status):
        case CardStatus.APPROVED:
            approve(
                action=action, deadline=clock.now() + settings.RESUME_DEADLINE, arguments=card.edited_payload, by=by
            )
        case CardStatus.REJECTED | CardStatus.CHANGES_REQUESTED | CardStatus.EXPIRED:
            deny(action=action, reason=f"{card.status.replace('_', ' ').capitalize()}: {card.note}", by=by)
        case CardStatus.WITHDRAWN:
            end(action=action, reason=card.note or "Its card was withdrawn.", by=by)
        case CardStatus.PENDING:
            pass
