"""What a policy denies by now nobody approves: not as it was asked, and not as a reviewer writes it. Reads only.

A question may come to people past its policies: a result's judge was lost or late, or a policy is newer than the card. Of actions
policies are asked once more when they are executed (`execute_action`).
"""

from typing import Any

from chimera.flows.ask_policies import denial_of_result, denying, rule_on_spend
from chimera.flows.recognise_topics import recognise
from chimera.kernel.errors import conflict
from chimera.kernel.spelling import visible
from commerce.actions import Purchase
from commerce.models import Transaction
from safety import triggers
from safety.models import CardKind, ReviewCard
from safety.policies import Then
from safety.policies.subject import TEXT_MAX
from swarm.actions import results
from swarm.models import Task, TaskResult

OF_RESULTS = frozenset({CardKind.RESULT, CardKind.JUDGE})


def look_ahead(*, card: ReviewCard, edited_payload: dict[str, Any] | None) -> None:
    """Recognise the topics of a result before anything is locked, where a rule that denies asks about them: its text may be new to this
    process, or a reviewer's."""
    if card.kind in OF_RESULTS and any(rule.when.topics for policy in denying() for rule in policy.rules):
        said = results.contents(_result(card, edited_payload))
        recognise(visible(triggers.readable(said)[:TEXT_MAX]))


def check_not_denied(*, card: ReviewCard, task: Task, edited_payload: dict[str, Any] | None) -> None:
    """409 `policy_denied` for a result or a spend. The caller holds the task."""
    match CardKind(card.kind):
        case CardKind.RESULT | CardKind.JUDGE:
            why = _of_result(card, task, edited_payload)
        case CardKind.SPEND:
            why = _of_spend(card, task)
        case CardKind.ACTION | CardKind.MANUAL:
            return
    if why:
        raise conflict(f"Nobody approves it: {why}", code="policy_denied")


def _of_result(card: ReviewCard, task: Task, edited_payload: dict[str, Any] | None) -> str:
    if not (acting := denying()):
        return ""
    result = _result(card, edited_payload)
    return denial_of_result(
        task=task,
        agent_id=result.agent_id,
        said=results.contents(result),
        kept=results.kept(result),
        score=result.confidence_score if result.judge_score is None else result.judge_score,
        acting=acting,
    )


def _result(card: ReviewCard, edited_payload: dict[str, Any] | None) -> TaskResult:
    """As edited, by this person or by one before, whom others must follow. Not to be saved."""
    result = results.of_task(card.task_id, card.result_id)
    assert result is not None, "a card of a result has its result"
    edited = card.edited_payload if edited_payload is None else edited_payload
    if edited is not None:
        result.output_payload = edited
    return result


def _of_spend(card: ReviewCard, task: Task) -> str:
    """Nothing, where only the going on is asked about: a meter's step was not bought yet."""
    spend = Transaction.objects.filter(pk=card.transaction_id).first() if card.transaction_id else None
    if spend is None:
        return ""
    asked = ("amount_usd", "asset_symbol", "payee", "category", "purpose", "metadata")
    purchase = Purchase(**{name: getattr(spend, name) for name in asked})
    ruling = rule_on_spend(task=task, agent_id=spend.agent_id, purchase=purchase, acting=denying())
    return ruling.reasons[0].detail if ruling.then is Then.DENY else ""
