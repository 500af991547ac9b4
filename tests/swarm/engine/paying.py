"""Rules: agents spend under their leases, and people's money stays within its limit."""

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from commerce.states import MoneyStatus
from tests.cast import Said
from tests.swarm.engine.creating import PICK
from tests.swarm.engine.model import Lease
from tests.swarm.engine.money import LARGE_USD, SMALL_USD, THRESHOLD_USD, TOTAL_USD, Hold
from tests.swarm.engine.play import Play


class Paying(Play):
    @precondition(lambda self: self.purses())
    @rule(number=PICK, verb=st.sampled_from(["spend", "spend", "spend much", "spend much", "capture", "void"]))
    def pay(self, number: int, verb: str) -> None:
        if not (purses := self.purses()):
            return
        lease = self.pick(number, purses)
        match verb:
            case "capture":
                self.settle_hold(lease, verb, MoneyStatus.CAPTURED)
            case "void":
                self.settle_hold(lease, verb, MoneyStatus.VOIDED)
            case _:
                self.spend(lease, LARGE_USD if verb == "spend much" else SMALL_USD)

    def purses(self) -> list[Lease]:
        """Leases, old ones too, whose agents may spend."""
        return [lease for lease in self.near() if lease.agent.role == "worker"]

    def spend(self, lease: Lease, amount: Decimal) -> None:
        """Held, put before a person, refused by the limit or for its lease; what a person let go on is not asked for again."""
        now, task, used = self.world.now, lease.task, self.model.used()
        body = {"task": str(task.id), "amount_usd": str(amount), "asset_symbol": "USD", "payee": "render.example"}
        said = self._pays(lease, "transactions", body)
        approved = [hold for hold in task.holds if hold.approved and hold.is_open and hold.amount_usd == amount]
        if not self.model.is_held(lease, now):
            said.refused(409, "stale_lease")
        elif approved:
            assert said.ok(201)["id"] == approved[0].id, f"{task} has to ask twice"
        elif used + amount > TOTAL_USD:
            said.refused(402, "budget_exceeded")
            self.model.refusals += 1
        elif amount > THRESHOLD_USD:
            task.holds.append(Hold(said.ok(202)["id"], amount, MoneyStatus.REVIEW))
            self.model.block(task, said["review"], "spend", now)
        else:
            task.holds.append(Hold(said.ok(201)["id"], amount, MoneyStatus.HELD))

    def settle_hold(self, lease: Lease, verb: str, status: MoneyStatus) -> None:
        """By its agent, before the task has ended."""
        held = [hold for hold in lease.task.holds if hold.is_open]
        if not held:
            return
        said = self._pays(lease, f"transactions/{held[-1].id}/{verb}", {})
        if self.model.is_held(lease, self.world.now):
            said.ok()
            held[-1].ends(status)
        else:
            said.refused(409, "stale_lease")

    def _pays(self, lease: Lease, path: str, body: dict[str, str]) -> Said:
        return self.world.callers[lease.agent.name].post(path, body | {"lease_token": lease.token})
