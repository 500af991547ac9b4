"""Trees of tasks that chance makes, spends from and ends; and what must be true of their money after each step."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from commerce.models import BudgetConfig, SpendWindow, Transaction
from swarm.models import Task
from swarm.states import TASK_OPEN
from tests.cast import Caller, Said, Stage
from tests.lanes import settle

ZERO = Decimal(0)


@dataclass
class Node:
    task_id: UUID
    parent: UUID | None
    is_open: bool
    carved: Decimal | None
    totals: list[Decimal]  # of every budget of the task, carved or not
    own: Decimal  # held and captured by the task itself


class Woods:
    """One session; Mia claims everything."""

    def __init__(self, stage: Stage, mia: Caller, *, root_total: str) -> None:
        self.stage, self.mia = stage, mia
        self.session = stage.session()["id"]
        self.tasks = [stage.task(self.session, max_attempts=1)["id"]]
        stage.budget(scope="task", scope_id=self.tasks[0], total_usd=root_total)
        self.claims: dict[str, dict[str, Any]] = {}
        self.holds: list[dict[str, Any]] = []
        self.carvings: list[bool] = []

    def close(self) -> None:
        self.stage.otto.post(f"sessions/{self.session}/stop", {"reason": "over"}).ok()
        settle()

    # ------------------------------------------------------------------ steps; each takes a number that chooses

    def fork(self, number: int, amount: str) -> None:
        """The model says beforehand whether there is so much left."""
        parent = self._chosen(number)
        nodes = self.nodes()
        fits = all(Decimal(amount) <= left for left in lefts(nodes, UUID(parent)))
        was_cancelled = self._status(parent) == "cancelled"
        body = {"session": self.session, "type": "part", "input_payload": {}, "parent_task": parent, "max_attempts": 1}
        said = self.stage.pia.post("tasks", body | {"budget_usd": amount})
        if was_cancelled:
            said.refused(422, "parent_cancelled")
            return
        self.carvings.append(fits)
        if fits:
            self.tasks.append(said.ok(201)["id"])
        else:
            said.refused(422, "allotment_exceeded")

    def grow(self, number: int, _: str) -> None:
        """A child without a budget of its own."""
        body = {"session": self.session, "type": "part", "input_payload": {}, "parent_task": self._chosen(number)}
        said = self.stage.pia.post("tasks", body | {"max_attempts": 1})
        if said.status == 201:
            self.tasks.append(said["id"])

    def spend(self, number: int, amount: str) -> None:
        settle()
        self.claims |= {claim["task"]["id"]: claim for claim in self.mia.claim(64)}
        claim = self.claims.get(self._chosen(number))
        if claim and (said := self.mia.spend(claim, amount)).status == 201:
            self.holds.append({"id": said["id"], "lease_token": claim["lease_token"]})

    def capture(self, number: int, amount: str) -> None:
        self._settle("capture", number, {"amount_usd": amount} if number % 2 else {})

    def void(self, number: int, _: str) -> None:
        self._settle("void", number, {})

    def cancel(self, number: int, _: str) -> None:
        self.stage.otto.post(f"tasks/{self._chosen(number)}/cancel", {"reason": "by chance"})
        settle()

    def finish(self, number: int, _: str) -> None:
        if claim := self.claims.get(self._chosen(number)):
            self.mia.finish(claim)

    def fail(self, number: int, _: str) -> None:
        if claim := self.claims.get(self._chosen(number)):
            error = {"code": "odd", "message": "", "retryable": False}
            body = {"lease_token": claim["lease_token"], "status": "failed", "error": error}
            self.mia.post(f"tasks/{claim['task']['id']}/result", body)

    def retry(self, number: int, _: str) -> None:
        """What it gave back must be there again; the model says whether it is."""
        task = self._chosen(number)
        nodes, failed = self.nodes(), self._status(task) == "failed"
        me = nodes[UUID(task)]
        said = self.stage.otto.post(f"tasks/{task}/retry")
        if failed and me.carved is not None and me.parent is not None:
            asked = me.carved - used_below(nodes, me.task_id)
            if all(asked <= left for left in lefts(nodes, me.parent, without=me.task_id)):
                said.ok()
            else:
                said.refused(422, "allotment_exceeded")

    def _settle(self, verb: str, number: int, more: dict[str, str]) -> Said | None:
        if not self.holds:
            return None
        hold = self.holds[number % len(self.holds)]
        return self.mia.post(f"transactions/{hold['id']}/{verb}", {"lease_token": hold["lease_token"]} | more)

    def _chosen(self, number: int) -> str:
        return str(self.tasks[number % len(self.tasks)])

    def _status(self, task: str) -> str:
        with self.stage.bound():
            return str(Task.objects.get(pk=task).status)

    # ------------------------------------------------------------------ what must be true

    def nodes(self) -> dict[UUID, Node]:
        with self.stage.bound():
            own: dict[UUID, Decimal] = defaultdict(Decimal)
            for row in Transaction.objects.filter(session_id=self.session):
                own[row.task_id] += row.amount_usd if row.keeper else row.captured_usd or ZERO
            totals: dict[UUID, list[Decimal]] = defaultdict(list)
            carved: dict[UUID, Decimal] = {}
            for budget in BudgetConfig.objects.filter(scope="task"):
                assert budget.scope_id is not None
                assert budget.total_usd is not None
                totals[budget.scope_id].append(budget.total_usd)
                if budget.is_carved:
                    carved[budget.scope_id] = budget.total_usd
            return {
                t.pk: Node(t.pk, t.parent_task_id, t.status in TASK_OPEN, carved.get(t.pk), totals[t.pk], own[t.pk])
                for t in Task.objects.filter(session_id=self.session)
            }

    def check(self) -> None:
        """Each task's budget holds for all below it, its window says just that, and the parts are within the whole."""
        nodes = self.nodes()
        with self.stage.bound():
            windows = {
                window.budget_id: window.held_usd + window.captured_usd
                for window in SpendWindow.objects.filter(kind="total")
            }
            budgets = list(BudgetConfig.objects.filter(scope="task", scope_id__in=nodes))
        for budget in budgets:
            assert budget.scope_id is not None
            assert budget.total_usd is not None
            used = used_below(nodes, budget.scope_id)
            assert windows.get(budget.pk, ZERO) == used <= budget.total_usd, budget
            parts = [nodes[task].carved or ZERO for task in parts_of(nodes, budget.scope_id)]
            assert sum(parts, ZERO) <= budget.total_usd, budget


def children(nodes: dict[UUID, Node], task_id: UUID) -> Iterator[Node]:
    return (node for node in nodes.values() if node.parent == task_id)


def used_below(nodes: dict[UUID, Node], task_id: UUID) -> Decimal:
    return nodes[task_id].own + sum((used_below(nodes, child.task_id) for child in children(nodes, task_id)), ZERO)


def parts_of(nodes: dict[UUID, Node], task_id: UUID, without: UUID | None = None) -> Iterator[UUID]:
    """The open tasks nearest below it that were given something; not `without`, nor what is below that."""
    for child in children(nodes, task_id):
        if child.task_id == without:
            continue
        if child.carved is not None and child.is_open:
            yield child.task_id
        else:
            yield from parts_of(nodes, child.task_id, without)


def lefts(nodes: dict[UUID, Node], parent: UUID, without: UUID | None = None) -> Iterator[Decimal]:
    """What a task and each above it have left to give to a new child of it, or to one that is to go on."""
    path: list[UUID] = []
    at: UUID | None = parent
    while at is not None:
        path.append(at)
        at = nodes[at].parent
    for task_id in path:
        if nodes[task_id].totals:
            given = [
                (nodes[part].carved or ZERO) - used_below(nodes, part)
                for part in parts_of(nodes, task_id, without)
                if part not in path
            ]
            yield max(ZERO, min(nodes[task_id].totals) - used_below(nodes, task_id) - sum(given, ZERO))
