"""Where a campaign stands: which tasks can still move without a human, and which wait for one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FINAL = frozenset({"completed", "failed", "cancelled"})
AWAITS_JUDGE = "awaits_judge"  # a card that a judge's score settles, unless a person is quicker


@dataclass(frozen=True)
class Standing:
    tasks: dict[str, dict[str, Any]]
    cards: dict[str, dict[str, Any]]  # pending reviews that wait for a human, by task
    moving: frozenset[str]  # tasks that agents can still bring forward

    @property
    def settled(self) -> bool:
        return not self.moving

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for task in self.tasks.values():
            found[task["status"]] = found.get(task["status"], 0) + 1
        return found


def standing(tasks: Iterable[dict[str, Any]], reviews: Iterable[dict[str, Any]]) -> Standing:
    known = {task["id"]: task for task in tasks}
    cards = {review["task"]: review for review in reviews if _for_humans(review)}
    moving: dict[str, bool] = {}
    for task_id in known:
        _may_move(task_id, known, moving)
    return Standing(known, cards, frozenset(task_id for task_id, may in moving.items() if may))


def _for_humans(review: dict[str, Any]) -> bool:
    return {reason["code"] for reason in review["reasons"]} != {AWAITS_JUDGE}


def _may_move(task_id: str, known: dict[str, dict[str, Any]], moving: dict[str, bool]) -> bool:
    """Queued and running tasks may; a pending one when all that it waits for is completed or may move itself."""
    if task_id not in moving:
        moving[task_id] = False  # until shown otherwise; there are no cycles
        task = known[task_id]
        if task["status"] in {"queued", "running"}:
            moving[task_id] = True
        elif task["status"] == "pending":
            waits_for = [d for d in task["depends_on"] if d in known and known[d]["status"] != "completed"]
            moving[task_id] = all(_may_move(d, known, moving) for d in waits_for)
    return moving[task_id]
