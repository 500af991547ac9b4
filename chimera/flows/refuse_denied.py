"""What a policy denies by now nobody approves: not as it was asked, and not as a reviewer writes it. Reads only.

A question may come to people past its policies: a result's judge was lost or late, or a policy is newer than the card. Of actions
policies are asked once more when they are executed (`execute_action`).
"""

from typing import Any

from chimera.flows.ask_policies import judge, rule_on_spend
from chimera.kernel.errors import conflict
from commerce.actions import Purchase
from commerce.models import Transaction
from safety.models import CardKind, ReviewCard
from safety.policies import Then
from swarm.actions import results
from swarm.models import Task


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
    """As edited, by this person or by one before, whom others must follow."""
    result = results.of_task(task.pk, card.result_id)
    assert result is not None, "a card of a result has its result"
    edited = card.edited_payload if edited_payload is None else edited_payload
    if edited is not None:
        result.output_payload = edited  # not saved
    judged = judge(
        task=task,
        agent_id=result.agent_id,
        said=results.contents(result),
        kept=results.kept(result),
        score=result.confidence_score if result.judge_score is None else result.judge_score,
        judged=result.judge_score is not None,
    )
    return judged.judgement.reasons[0].detail if judged.denied else ""


def _of_spend(card: ReviewCard, task: Task) -> str:
    """Nothing, where only the going on is asked about: a meter's step was not bought yet."""
    spend = Transaction.objects.filter(pk=card.transaction_id).first() if card.transaction_id else None
    if spend is None:
        return ""
    asked = ("amount_usd", "asset_symbol", "payee", "category", "purpose", "metadata")
    purchase = Purchase(**{name: getattr(spend, name) for name in asked})
    ruling = rule_on_spend(task=task, agent_id=spend.agent_id, purchase=purchase)
    return ruling.reasons[0].detail if ruling.then is Then.DENY else ""
