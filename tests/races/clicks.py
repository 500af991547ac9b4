"""All that a person can say to a card, what an agent asked before it, and what the resumed agent does after it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings

from chimera.flows.expire_cards import expire_cards
from chimera.kernel import clock, ids
from tests.cast import Said, Stage
from tests.safety.test_early_decisions import RESULT, SPEND

ARGUMENTS, EDITED = {"text": "Saturday"}, {"text": "Sunday"}


@dataclass
class Scene:
    """One task on its way through a decision; every call may be repeated, as honest callers repeat theirs."""

    acme: Stage
    kind: "Kind"
    claim: dict[str, Any]
    card: str = ""
    key: str = field(default_factory=lambda: str(ids.uuid7()))
    again: dict[str, Any] = field(default_factory=dict)  # the resumed claim
    token: str = ""  # of its action's execution

    @property
    def task(self) -> str:
        return str(self.claim["task"]["id"])

    @property
    def lease(self) -> dict[str, str]:
        return {"lease_token": (self.again or self.claim)["lease_token"]}

    def post(self, path: str, body: dict[str, Any]) -> Said:
        key = f"{self.key} {bool(self.again)} {path}"
        return self.acme.ada.post(path, body | self.lease, Idempotency_Key=key)

    # --- what its agent asks; answers the card

    def spend(self, amount: str = "8", **more: Any) -> Said:
        body = {"task": self.task, "amount_usd": amount, "asset_symbol": "USD", "payee": "render.example"}
        return self.post("transactions", body | more)

    def ask_money(self) -> str:
        return str(self.spend(self.kind.amount, correlation_key=self.key).ok(202)["review"])

    def ask_two(self) -> str:
        """Of two who must approve one has."""
        card = self.ask_money()
        self.acme.boss.post(f"reviews/{card}/decision", {"decision": "approve"}).ok()
        return card

    def propose(self) -> str:
        body = {"tool": "publish", "arguments": ARGUMENTS, "amount_usd": "8"}
        return str(self.post(f"tasks/{self.task}/actions", body).ok(201)["review"])

    def hand_in(self) -> str:
        """A result for a person, whose task has spent something."""
        self.spend("2").ok(201)
        return self.hand_over()

    def hand_over(self) -> str:
        return str(self.finish(0.8)["review"])

    def finish(self, score: float = 0.95) -> Said:
        body = {"status": "succeeded", "output_payload": {"answer": "42"}, "confidence_score": score}
        key = {} if self.again else {"correlation_key": self.key}
        return self.post(f"tasks/{self.task}/result", body | key).ok()

    def foretell(self) -> str:
        """Decided before it is asked: there is no card yet."""
        body = {"correlation_key": self.key, "decision": "approve", "digest": self.kind.digest}
        self.acme.rita.post("reviews/decisions", body).ok(202)
        return ""

    def foretell_all(self) -> str:
        self.spend("2").ok(201)
        return self.foretell()

    # --- what decides it

    def decide(self, decision: str, **more: Any) -> None:
        """Whoever clicks again is told that it is decided."""
        said = self.acme.rita.post(f"reviews/{self.card}/decision", {"decision": decision, "note": "seen"} | more)
        assert said.status == 200 or said.refused(409, "already_decided")

    def decide_by_key(self) -> None:
        body = {"correlation_key": self.key, "decision": "approve", "digest": SPEND}
        said = self.acme.rita.post("reviews/decisions", body)
        assert said.status == 200 or said.refused(409, "already_decided")

    def expire(self) -> None:
        """The clock comes by."""
        with clock.held(clock.now() + settings.CARD_DUE + timedelta(seconds=1)):
            expire_cards()

    # --- what the resumed agent does

    def buy(self) -> None:
        held = self.spend(self.kind.amount).ok(201)
        self.post(f"transactions/{held['id']}/capture", {}).ok()
        self.finish()

    def execute(self) -> None:
        action = self.again["resume"]["action"]
        if not self.token:  # whoever has it does not ask again
            self.token = self.post(f"actions/{action}/execution", {"arguments": EDITED}).ok()["execution_token"]
        body = {"execution_token": self.token, "status": "succeeded"}
        self.acme.ada.post(f"actions/{action}/outcome", body).ok()
        self.finish()


@dataclass(frozen=True)
class Kind:
    """`ask` leads to a card, `click` decides it, `then` is what the resumed agent does (None: nothing is resumed).

    `task` and `money` are what becomes of them in the end, each once.
    """

    name: str
    ask: Callable[[Scene], str]
    click: Callable[[Scene], object]
    then: Callable[[Scene], object] | None
    task: str
    money: str
    amount: str = "8"
    digest: str = SPEND  # of what is approved before it is asked


def _says(decision: str, **more: Any) -> Callable[[Scene], None]:
    return lambda scene: scene.decide(decision, **more)


APPROVE, REJECT, CHANGE = _says("approve"), _says("reject"), _says("request_changes")
EDIT = _says("approve", edited_payload=EDITED)

KINDS = (
    Kind("a spend is approved", Scene.ask_money, APPROVE, Scene.buy, "completed", "captured"),
    Kind("a spend is rejected", Scene.ask_money, REJECT, None, "failed", "denied"),
    Kind("a spend goes back", Scene.ask_money, CHANGE, Scene.finish, "completed", "denied"),
    Kind("a spend is decided by its key", Scene.ask_money, Scene.decide_by_key, Scene.buy, "completed", "captured"),
    Kind("a spend was decided early", Scene.foretell, Scene.ask_money, Scene.buy, "completed", "captured"),
    Kind(
        "a result was decided early", Scene.foretell_all, Scene.hand_over, None, "completed", "captured", digest=RESULT
    ),
    Kind("the second of two approves", Scene.ask_two, APPROVE, Scene.buy, "completed", "captured", amount="30"),
    Kind("an action is edited and approved", Scene.propose, EDIT, Scene.execute, "completed", "captured"),
    Kind("an action is rejected", Scene.propose, REJECT, None, "failed", "denied"),
    Kind("an action goes back", Scene.propose, CHANGE, Scene.finish, "completed", "denied"),
    Kind("a result is approved", Scene.hand_in, APPROVE, None, "completed", "captured"),
    Kind("a result is edited and approved", Scene.hand_in, EDIT, None, "completed", "captured"),
    Kind("a result is rejected", Scene.hand_in, REJECT, None, "failed", "voided"),
    Kind("a result goes back", Scene.hand_in, CHANGE, Scene.finish, "completed", "voided"),
    Kind("nobody decides in time", Scene.ask_money, Scene.expire, None, "failed", "denied"),
)
