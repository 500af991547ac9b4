"""Rules: people cancel, retry and drop tasks, and decide about cards."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from swarm.states import TaskStatus
from tests.swarm.engine import money
from tests.swarm.engine.creating import PICK, Creating
from tests.swarm.engine.model import COUNTS, FREE, Task


class Deciding(Creating):
    @precondition(lambda self: self.model.tasks)
    @rule(number=PICK, verb=st.sampled_from(["cancel", "retry", "drop", "retry", "drop"]))
    def change_a_task(self, number: int, verb: str) -> None:
        """Where it fits, if it fits anywhere: what has not failed is neither retried nor dropped."""
        failed = self.tasks(TaskStatus.FAILED)
        if not failed and verb != "cancel" and number:
            return
        task = self.pick(number, failed if failed and verb != "cancel" else self.tasks())
        verbs: dict[str, Callable[[Task], None]] = {"cancel": self.cancel, "retry": self.retry, "drop": self.drop}
        verbs[verb](task)

    def cancel(self, task: Task) -> None:
        said = self.world.stage.otto.post(f"tasks/{task.id}/cancel")
        if task.status == TaskStatus.COMPLETED:
            said.refused(409, "task_completed")
            return
        said.ok()
        if task.status != TaskStatus.CANCELLED:
            self.model.cancel(task)

    def retry(self, task: Task) -> None:
        """It starts anew; a manual one that never began waits for a person again."""
        said = self.world.stage.otto.post(f"tasks/{task.id}/retry")
        if task.house.ended:
            said.refused(409, "session_ended")
        elif task.status != TaskStatus.FAILED:
            said.refused(409, f"task_{task.status}")
        else:
            said.ok()
            task.attempts, task.error = 0, ""
            self.model.go_on(task, "", self.world.now)
            if task.manual and not task.started:
                self.model.block(task, self.card_of(task), "manual", self.world.now)

    def drop(self, task: Task) -> None:
        said = self.world.stage.otto.post(f"tasks/{task.id}/drop")
        if task.status == TaskStatus.CANCELLED:
            said.ok()
        elif task.status != TaskStatus.FAILED:
            said.refused(409, f"task_{task.status}")
        else:
            said.ok()
            self.model.cancel(task)

    @precondition(lambda self: self.tasks(TaskStatus.BLOCKED))
    @rule(number=PICK, decision=st.sampled_from(["approve", "reject", "request_changes"]))
    def decide(self, number: int, decision: str) -> None:
        task = self.pick(number, self.tasks(TaskStatus.BLOCKED))
        body = {"decision": decision, "note": "seen"}
        card, kind = task.card, task.card_kind
        self.world.stage.rita.post(f"reviews/{card}/decision", body).ok()
        self._decided(task, decision, kind)
        again = self.world.stage.rita.post(f"reviews/{card}/decision", body)
        assert again.status == 409, f"decided twice: {again.body}"

    def _decided(self, task: Task, decision: str, kind: str) -> None:
        match decision, kind:
            case "reject", _:
                self.model.fail(task, "rejected")
            case "approve", "manual":
                self.model.go_on(task, COUNTS, self.world.now)
            case "approve", "spend":
                money.release(task.holds, self.world.now)
                self.model.go_on(task, FREE, self.world.now)
            case "approve", _ if self.model.is_stale(task):
                self.model.stale(task)
            case "approve", _:
                self.model.complete(task)
            case _:
                money.void(task.holds)
                self.model.go_on(task, COUNTS if kind == "manual" else FREE, self.world.now)
