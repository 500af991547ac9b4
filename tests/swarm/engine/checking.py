"""What must be true after every step, whatever was done."""

from uuid import UUID

from swarm.models import Task as Row
from swarm.states import TASK, TaskStatus
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
