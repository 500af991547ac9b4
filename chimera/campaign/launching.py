"""Starting a campaign: campaign, session, budget, and the plan from which the planner makes everything else."""

from dataclasses import dataclass
from typing import Any

from chimera.campaign.brief import Brief
from chimera.campaign.calls import Calls


@dataclass(frozen=True)
class Launched:
    campaign: str
    session: str
    budget: str


def launch(calls: Calls, brief: Brief) -> Launched:
    """Needs the roles operator and finance (or admin). The budget stands before the first task can spend."""
    shared = brief.shared()
    context = {name: shared[name] for name in ("audience", "topics", "persona")}
    campaign = calls.post("campaigns", name=brief.name, goal=brief.goal, context=context)["id"]
    limits: dict[str, Any] = {"day_usd": str(brief.daily_usd)}
    if brief.approval_above_usd is not None:
        limits["approval_threshold_usd"] = str(brief.approval_above_usd)
    budget = calls.post("budgets", scope="campaign", scope_id=campaign, **limits)["id"]
    session = calls.post("sessions", campaign=campaign, name=brief.name)["id"]
    _plan(calls, brief, session)
    return Launched(campaign, session, budget)


def _plan(calls: Calls, brief: Brief, session: str) -> None:
    """One plan task, or one per part; the last makes the drafts, and so waits for the others."""
    earlier: list[str] = []
    for payload in brief.plans():
        last = payload["part"] == payload["parts"]
        part = f" (part {payload['part']} of {payload['parts']})" if payload["parts"] > 1 else ""
        task = calls.post(
            "tasks",
            session=session,
            type="plan",
            role="planner",
            description=f"Plan {brief.name}{part}",
            input_payload=payload,
            depends_on=earlier if last else [],
            priority=80,
            risk_tier=3,
        )
        earlier.append(task["id"])
