"""What must be true after every step, whatever was done."""

from decimal import Decimal
from uuid import UUID

from commerce.models import Transaction
from commerce.states import Keeper, MoneyStatus
from swarm.models import Task as Row
from swarm.states import TASK, TaskStatus
from tests.swarm.engine.model import Task
from tests.swarm.engine.money import TOTAL_USD, Hold
from tests.swarm.engine.play import Play
from tests.swarm.engine.world import Told


class Checking(Play):
    last_told: dict[UUID, Told]  # by task

    def check(self) -> None:
        """No task lost, none done twice, nobody holds too much, and the log says the same as the rows."""
        written = self.world.written()
        self._check_rows(written.rows)
        self._check_results(written.applied)
        self._check_slots()
        self._check_ledger(written.ledger)
        self._check_windows(written.windows)
        self._check_log(written.told)

    def _check_rows(self, rows: dict[UUID, Row]) -> None:
        assert set(rows) == set(self.model.tasks), "tasks were lost, or came from nowhere"
        for task in self.tasks():
            row = rows[task.id]
            assert row.status == task.status, f"{task} is {row.status}"
            assert row.attempt_count == task.attempts, f"{task} has used {row.attempt_count} attempts"
            assert row.attempt_count <= task.attempts_max, f"{task} has had too many attempts"
            lease = task.lease
            found = (str(row.lease_token), row.lease_expires_at) if row.lease_token else None
            assert found == (lease and (lease.token, lease.ends)), f"{task} is leased as {found}"

    def _check_results(self, applied: dict[UUID, int]) -> None:
        for task in self.tasks():
            done = int(task.status == TaskStatus.COMPLETED)
            assert applied.get(task.id, 0) == task.applied == done, f"{task} was done {applied.get(task.id, 0)} times"

    def _check_slots(self) -> None:
        for agent in self.model.agents.values():
            held = len(self.model.held_by(agent))
            assert held <= agent.slots, f"{agent.name} holds {held} leases"

    def _check_ledger(self, ledger: list[Transaction]) -> None:
        """Every hold is where it should be, and who keeps it answers for it: none outlives its lease."""
        found = {str(row.pk): (row.status, row.keeper, str(row.lease_token or "")) for row in ledger}
        holds = {hold.id: (task, hold) for task in self.tasks() for hold in task.holds}
        assert len(found) == len(holds) + self.model.refusals, "spends were lost, or came from nowhere"
        for key, (task, hold) in holds.items():
            kept = _keeper(task, hold)
            token = task.lease.token if task.lease and kept == Keeper.LEASE else ""
            assert found[key] == (hold.status, kept, token), f"of {task} {hold} is {found[key]}"

    def _check_windows(self, windows: list[tuple[Decimal, Decimal]]) -> None:
        held, captured = map(sum, zip(*windows, strict=True)) if windows else (Decimal(), Decimal())
        holds = [hold for task in self.tasks() for hold in task.holds]
        assert held == sum(hold.amount_usd for hold in holds if hold.is_open), f"the window holds {held}"
        spent = sum(hold.amount_usd for hold in holds if hold.status == MoneyStatus.CAPTURED)
        assert captured == spent, f"the window says {captured} are spent, not {spent}"
        assert held + captured <= TOTAL_USD, f"{held} held and {captured} captured are beyond the limit"

    def _check_log(self, log: list[Told]) -> None:
        for told in log:
            self._check_told(told, self.last_told.get(told.task_id))
            self.last_told[told.task_id] = told
        for task in self.tasks():
            assert self.last_told[task.id].status == task.status, f"of {task} was told {self.last_told[task.id]}"

    @staticmethod
    def _check_told(told: Told, before: Told | None) -> None:
        """Version after version, along the edges."""
        if before is None:
            assert (told.version, told.status) == (1, "pending"), f"it begins with {told}"
        else:
            assert told.version == before.version + 1, f"{told} follows {before}"
            assert TASK.can(before.status, told.status), f"{told} follows {before}"


def _keeper(task: Task, hold: Hold) -> Keeper | None:
    if not hold.is_open:
        return None
    if hold.until:
        return Keeper.RESUME
    return Keeper.LEASE if task.lease else Keeper.CARD
