"""Metered leases in tests: what they say, how they end, and what that leaves."""

from datetime import timedelta
from typing import Any

from chimera.flows.lapse_leases import lapse_leases
from chimera.kernel import clock
from chimera.kernel.http.parsing import money_text
from commerce.models import Transaction
from swarm.models import Task
from tests.cast import Caller, Said, Stage
from tests.lanes import settle


def beat(who: Caller, claim: dict[str, Any], cost: str, **more: Any) -> Said:
    body = {"lease_token": claim["lease_token"], "cost_usd": cost} | more
    return who.post(f"tasks/{claim['task']['id']}/heartbeat", body)


def ledger(stage: Stage) -> list[tuple[str, str, str | None, str | None]]:
    """(status, amount, metered, captured) of each transaction, the oldest first."""
    with stage.bound():
        return [
            (
                row.status,
                money_text(row.amount_usd),
                *(None if a is None else money_text(a) for a in (row.metered_usd, row.captured_usd)),
            )
            for row in Transaction.objects.order_by("pk")
        ]


def _fail(acme: Stage, claim: dict[str, Any]) -> None:
    error = {"code": "broken", "message": "", "retryable": False}
    body = {"lease_token": claim["lease_token"], "status": "failed", "error": error}
    acme.ada.post(f"tasks/{claim['task']['id']}/result", body).ok()


def _cancel(acme: Stage, claim: dict[str, Any]) -> None:
    acme.otto.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "enough"}).ok()


def _lapse(acme: Stage, claim: dict[str, Any]) -> None:
    with acme.bound():
        over = clock.now() - timedelta(seconds=1)
        Task.objects.filter(pk=claim["task"]["id"]).update(lease_expires_at=over)
    lapse_leases()
    beat(acme.ada, claim, "9").refused(409, "stale_lease")


def _kill(acme: Stage, claim: dict[str, Any]) -> None:
    acme.otto.post(f"agents/{acme.ada.id}/kill", {"reason": "mad"}).ok()
    settle()


END = {"failed": _fail, "cancelled": _cancel, "lapsed": _lapse, "killed": _kill}
