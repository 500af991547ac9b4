"""Agents that act: propose, execute, say what came of it, as the tests of actions do it."""

from decimal import Decimal
from typing import Any

from commerce.models import Transaction
from safety.models import ReviewCard
from tests.cast import Said, Stage
from tests.commerce.books import at_work

TOOL = "publish"
POST = {"platform": "short", "text": "The baths open on Saturday.", "tags": ["baths"]}


def propose(stage: Stage, claim: dict[str, Any], arguments: dict[str, Any] | None = None, **more: Any) -> Said:
    body = {"lease_token": claim["lease_token"], "tool": TOOL, "arguments": POST if arguments is None else arguments}
    return stage.ada.post(f"tasks/{claim['task']['id']}/actions", body | more)


def execute(stage: Stage, claim: dict[str, Any], action: str, **shown: Any) -> Said:
    return stage.ada.post(f"actions/{action}/execution", {"lease_token": claim["lease_token"]} | shown)


def outcome(stage: Stage, execution: Said, status: str = "succeeded", **more: Any) -> Said:
    body = {"execution_token": execution["execution_token"], "status": status}
    return stage.ada.post(f"actions/{execution['action']}/outcome", body | more)


def decide(stage: Stage, action: Said, decision: str = "approve", **more: Any) -> Said:
    return stage.rita.post(f"reviews/{action['review']}/decision", {"decision": decision, "note": "seen"} | more).ok()


def read(stage: Stage, action: Said) -> Said:
    return stage.anna.get(f"actions/{action['id']}").ok()


def money(stage: Stage, action: Said) -> tuple[str, str | None, Decimal | None]:
    with stage.bound():
        row = Transaction.objects.get(pk=action["transaction"])
        return row.status, row.keeper, row.captured_usd


def cards(stage: Stage) -> int:
    with stage.bound():
        return ReviewCard.objects.count()


def reviewed(acme: Stage, **more: Any) -> tuple[dict[str, Any], Said]:
    """Above the threshold, it waits for its card."""
    acme.budget(day_usd="20", approval_threshold_usd="2")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3", **more).ok(201)
    assert (action["status"], [r["code"] for r in action["reasons"]]) == ("review", ["spend_above_threshold"])
    return claim, action
