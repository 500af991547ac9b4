"""What exactly a card asks for, as a digest: an approval may name it, and one that came early must. Reads only.

SHA-256 over canonical JSON (RFC 8785): of an action [tool, arguments, amount, asset, payee, category], of a spend [amount, asset,
payee, category], of a result its output, or [output, artifacts] where it has any. Amounts are as the API writes them; an action that
costs nothing has null, and asset "".
"""

from collections.abc import Sequence
from typing import Any

from chimera.kernel.errors import Refused
from chimera.kernel.http.parsing import money_text
from commerce.models import Transaction
from safety import actions as safety
from safety import diffs, digests
from safety.actions import proposals
from safety.models import Action, ReviewCard
from swarm.actions import results


def asked_by_spend(spend: Transaction) -> str:
    return digests.digest([money_text(spend.amount_usd), spend.asset_symbol, spend.payee, spend.category])


def asked_by_result(output: dict[str, Any] | None, artifacts: Sequence[dict[str, Any]]) -> str:
    """Nothing, for one with numbers that not everybody reads alike: nobody can name that. Artifacts are as they were handed in."""
    try:
        return digests.digest([output or {}, list(artifacts)] if artifacts else output or {})
    except Refused:
        return ""


def edit_of(card: ReviewCard, payload: dict[str, Any]) -> safety.Edit:
    """The caller has seen that this kind of card can be edited, and holds its task."""
    if card.action_id:
        action: Action = Action.objects.get(pk=card.action_id)
        before, asked = action.arguments, proposals.asked_with(action, payload)
    else:
        result = results.of_task(card.task_id, card.result_id)
        assert result is not None, "a card of a result has its result"
        before, asked = result.output_payload or {}, asked_by_result(payload, results.artifacts_of(result))
    if diffs.equal(before, payload):
        return safety.Edit(None, asked, None)
    return safety.Edit(payload, asked, diffs.changes(before, payload))
