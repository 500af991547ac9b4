"""From the approval of an action to its outcome a process dies at every line: one token, one effect, its money moves once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from chimera.kernel import ids
from chimera.kernel.eventlog import Event
from commerce.models import Transaction
from safety.models import Action, ReviewCard
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books
from tests.lanes import settle
from tests.races.aftermath import log_and_cursors
from tests.races.dying import at_every_line
from tests.safety.acts import TOOL, decide

pytestmark = pytest.mark.slow
ARGUMENTS = {"text": "The baths open on Saturday."}
ONCE = ("safety.action.proposed.v1", "safety.action.executed.v1", "safety.action.settled.v1")


@dataclass
class Scene:
    """An agent at work; each call has a key, as honest clients have it."""

    acme: Stage
    claim: dict[str, Any]
    key: str = field(default_factory=lambda: str(ids.uuid7()))

    @property
    def lease(self) -> dict[str, str]:
        return {"lease_token": self.claim["lease_token"]}

    def propose(self) -> Said:
        """Once a scene: in other ways it dies as a spend does (test_money_deaths)."""
        body = self.lease | {"tool": TOOL, "arguments": ARGUMENTS, "amount_usd": "3"}
        return self.acme.ada.post(f"tasks/{self.claim['task']['id']}/actions", body, Idempotency_Key=f"act {self.key}")

    def execute(self, action: str) -> Said:
        body = self.lease | {"arguments": ARGUMENTS}
        return self.acme.ada.post(f"actions/{action}/execution", body, Idempotency_Key=f"execution {self.key}")

    def act(self) -> None:
        """Executed and told. Where it is known already what came of it, nothing is left to do."""
        (action,) = self.acme.anna.get("actions", task=self.claim["task"]["id"]).ok()["results"]
        execution = self.execute(action["id"])
        if execution.status == 409:
            assert execution.refused(409, "already_executed")["status_now"] == "succeeded"
            return
        body = {"execution_token": execution["execution_token"], "status": "succeeded", "cost_usd": "1.25"}
        self.acme.ada.post(f"actions/{action['id']}/outcome", body).ok()

    def judge(self) -> None:
        """Whoever died where: it is done again to its end, and was done once."""
        check_books(self.acme)
        self.act()
        with self.acme.bound():
            (action,) = Action.objects.filter(task_id=self.claim["task"]["id"])
            (money,) = Transaction.objects.filter(task_id=self.claim["task"]["id"])
            told = Counter(Event.objects.filter(aggregate_id=action.pk).values_list("type", flat=True))
        assert (action.status, money.status, money.captured_usd) == ("succeeded", "captured", Decimal("1.25"))
        assert {name: told[name] for name in ONCE} == dict.fromkeys(ONCE, 1)
        self.acme.otto.post(f"tasks/{self.claim['task']['id']}/cancel", {}).ok()
        check_books(self.acme)


def proposed(scene: Scene) -> Scene:
    scene.propose().ok(201)
    return scene


@pytest.fixture
def make(acme: Stage) -> Callable[[], Scene]:
    session = acme.session()
    acme.budget(day_usd="1000000")
    return lambda: Scene(acme, at_work(acme, session=session))


def test_the_process_that_executes_and_settles_dies(make: Callable[[], Scene]) -> None:
    deaths = at_every_line(lambda: proposed(make()), Scene.act, Scene.judge, mark=log_and_cursors)
    assert deaths > 30, deaths


# ------------------------------------------------------------------ something else is shown


def show_another(scene: Scene) -> Said:
    (action,) = scene.acme.anna.get("actions", task=scene.claim["task"]["id"], status="allowed")["results"]
    return scene.acme.ada.post(f"actions/{action['id']}/execution", scene.lease | {"arguments": {"text": "other"}})


def refused_once(scene: Scene) -> None:
    """The approval is dead and its money free, or as it was; there is one card for what was shown, and one hold."""
    check_books(scene.acme)
    with scene.acme.bound():
        if Action.objects.filter(task_id=scene.claim["task"]["id"]).count() == 1:
            assert not ReviewCard.objects.filter(task_id=scene.claim["task"]["id"]).exists()
            show = True
        else:
            show = False
    if show:
        show_another(scene).refused(409, "approval_mismatch")
    with scene.acme.bound():
        dead, anew = Action.objects.filter(task_id=scene.claim["task"]["id"]).order_by("pk")
        (card,) = ReviewCard.objects.filter(task_id=scene.claim["task"]["id"])
        money = list(
            Transaction.objects.filter(task_id=scene.claim["task"]["id"]).order_by("pk").values_list("status", "keeper")
        )
    assert (dead.status, anew.status, anew.replaces, card.action_id) == ("dead", "review", dead.pk, anew.pk)
    assert money == [("voided", None), ("review", "card")]
    decide(scene.acme, Said(200, {"review": str(card.pk)}, {}), "reject")
    settle()
    check_books(scene.acme)


def test_the_process_that_refuses_a_mismatch_dies(make: Callable[[], Scene]) -> None:
    deaths = at_every_line(lambda: proposed(make()), show_another, refused_once, mark=log_and_cursors)
    assert deaths > 20, deaths
