"""A campaign that was left in the middle: its session goes on, with the budget that it has."""

from dataclasses import dataclass
from typing import Any

from chimera.campaign.brief import Brief
from chimera.campaign.calls import CallFailed, Calls
from chimera.campaign.launching import Launched
from chimera.campaign.standing import standing


@dataclass(frozen=True)
class Earlier:
    """What an earlier run of this brief began."""

    launched: Launched
    begun_at: str
    unfinished: bool  # it runs, and agents can still bring it forward


def earlier(calls: Calls, brief: Brief, session: str | None) -> Earlier | None:
    """None when there is no such session, or it belongs to a campaign of another name."""
    found = _read(calls, f"sessions/{session}") if session else None
    if found is None or found["campaign"] is None:
        return None
    campaign = calls.get(f"campaigns/{found['campaign']}")
    budget = next(calls.rows("budgets", scope="campaign", scope_id=campaign["id"]), None)
    if campaign["name"] != brief.name or budget is None:
        return None
    launched = Launched(campaign["id"], found["id"], budget["id"])
    return Earlier(launched, found["created_at"], found["status"] == "running" and _moves(calls, found["id"]))


def _moves(calls: Calls, session: str) -> bool:
    return not standing(calls.rows("tasks", session=session), []).settled


def _read(calls: Calls, path: str) -> dict[str, Any] | None:
    try:
        return calls.get(path)
    except CallFailed as failure:
        if failure.status == 404:
            return None
        raise
