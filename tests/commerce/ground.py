"""A running task with money, and what may have become of it before something is asked."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.cast import Caller, Stage
from tests.commerce.books import at_work, claimed_again
from tests.lanes import settle

Fields = dict[str, Any]


@dataclass
class Ground:
    """A running task with a hold of one dollar, so that its windows are there; what is said about it, unless something else is."""

    acme: Stage
    zenith: Stage
    claim: dict[str, Any]
    held: str
    budget: str
    who: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.who = self.acme.ada

    def fields(self, kind: str) -> Fields:
        lease = {"lease_token": self.claim["lease_token"]}
        if kind != "spend":
            return lease | {"transaction": self.held}
        return lease | {"task": self.claim["task"]["id"], "amount_usd": "1", "asset_symbol": "USD"}


def captured(ground: Ground) -> None:
    path = f"transactions/{ground.held}/capture"
    ground.who.post(path, {"lease_token": ground.claim["lease_token"], "amount_usd": "0.50"}).ok()


def voided(ground: Ground) -> None:
    ground.who.post(f"transactions/{ground.held}/void", {"lease_token": ground.claim["lease_token"]}).ok()


def finished(ground: Ground) -> None:
    ground.who.finish(ground.claim).ok()


def blocked(ground: Ground) -> None:
    ground.who.finish(ground.claim, confidence=0.75).ok()


def given_back(ground: Ground) -> None:
    """Failed once, and pending or queued again."""
    error = {"code": "broken", "message": "no", "retryable": True}
    body = {"lease_token": ground.claim["lease_token"], "status": "failed", "error": error}
    ground.who.post(f"tasks/{ground.claim['task']['id']}/result", body).ok()


def claimed_by_the_next(ground: Ground) -> None:
    given_back(ground)
    claimed_again(ground.acme, ground.claim)


def pending(ground: Ground) -> None:
    """A task that nobody was ever handed."""
    made = ground.acme.task(ground.claim["task"]["session"])
    ground.claim = {"task": made, "lease_token": str(uuid4())}


def by_another_agent(ground: Ground) -> None:
    ground.who = ground.acme.bob


def of_another_tenant(ground: Ground) -> None:
    ground.who = ground.zenith.ada


def of_nobody(ground: Ground) -> None:
    ground.claim = ground.claim | {"task": {"id": str(uuid4())}}
    ground.held = str(uuid4())


def stopped(ground: Ground) -> None:
    ground.acme.otto.post(f"sessions/{ground.claim['task']['session']}/stop", {"reason": "enough"}).ok()


def switched_off(ground: Ground) -> None:
    ground.acme.fay.patch(f"budgets/{ground.budget}", {"is_active": False}).ok()


def in_euros(ground: Ground) -> None:
    """Refused once before: its windows are there, empty."""
    ground.acme.budget(currency="EUR", day_usd="100")
    ground.who.spend(ground.claim, "1").refused(402, "currency_mismatch")


def by_a_dry_run(ground: Ground) -> None:
    ground.claim = at_work(ground.acme, execution_mode="dry_run")


def without_a_budget(ground: Ground) -> None:
    ground.zenith.task(ground.zenith.session())
    settle()
    ground.who = ground.zenith.ada
    (ground.claim,) = ground.who.claim()


def as_it_is(ground: Ground) -> None:
    pass
