"""One line per event that a reader of the terminal wants to know about; the others stay for the timeline."""

from collections.abc import Callable
from typing import Any

Line = tuple[str, str]  # (style, words)
Payload = dict[str, Any]


def line(event: dict[str, Any]) -> Line | None:
    """How an event is told, or None for one that is not."""
    told = _TOLD.get(event["type"].rsplit(".v", 1)[0])
    return told(event.get("payload") or {}) if told else None


def label(task: dict[str, Any] | None, tasks: dict[str, dict[str, Any]]) -> str:
    """A task as a person would call it."""
    if task is None:
        return ""
    if task["type"] == "judge" and (judged := tasks.get(task.get("parent_task") or "")):
        return f"judge     {judged['description']}"
    return f"{task['type']:<9} {task['description']}"


def _opened(payload: Payload) -> Line | None:
    if payload.get("kind") == "judge":
        return None  # the judge's own lines tell it
    return "yellow", f"waits for a human: {', '.join(payload.get('reasons') or ['a decision'])}"


def _money(style: str, verb: str) -> Callable[[Payload], Line]:
    return lambda payload: (style, f"{payload.get('amount_usd', '?')} USD {verb}")


def _reviewed(payload: Payload) -> Line | None:
    return "yellow", f"{payload.get('status', 'decided')} by {payload.get('by_name', 'a human')}"


_TOLD: dict[str, Callable[[Payload], Line | None]] = {
    "swarm.task.claimed": lambda p: (
        "dim",
        f"started{', attempt ' + str(p['attempt']) if p.get('attempt', 1) > 1 else ''}",
    ),
    "swarm.task.completed": lambda p: ("green", "done"),
    "swarm.task.requeued": lambda p: ("yellow", f"once more: {p.get('reason') or p.get('code', '')}"),
    "swarm.task.failed": lambda p: ("red", f"failed: {p.get('reason') or p.get('code', '')}"),
    "swarm.task.cancelled": lambda p: ("red", f"cancelled: {p.get('reason', '')}"),
    "swarm.task.resumed": lambda p: ("cyan", "goes on"),
    "commerce.transaction.held": _money("cyan", "held"),
    "commerce.transaction.captured": _money("cyan", "spent"),
    "commerce.transaction.voided": _money("cyan", "given back"),
    "commerce.transaction.denied": _money("red", "refused"),
    "safety.review.opened": _opened,
    "safety.review.decided": _reviewed,
    "safety.review.expired": lambda p: ("red", "nobody decided in time: rejected"),
}
