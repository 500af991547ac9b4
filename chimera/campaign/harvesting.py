"""What a campaign brought: posts, money, memories, and what waits for whom. Read through the API, after the fact."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chimera.campaign.calls import Calls
from chimera.campaign.launching import Launched
from chimera.campaign.standing import Standing

PASSED, WAITING, REFUSED = "passed", "waiting for a human", "refused for money"
REJECTED, FAILED, OPEN = "rejected by a human", "failed", "unfinished"
OUTCOMES = (PASSED, WAITING, REFUSED, REJECTED, FAILED, OPEN)
_OF_ERROR = {"budget_refused": REFUSED, "rejected": REJECTED}


@dataclass(frozen=True)
class Harvest:
    posts: list[dict[str, Any]]
    spend: dict[str, Any]  # {limit_usd, captured_usd, held_usd, remaining_usd, resets_at, transactions}
    memories: list[dict[str, Any]]
    cards: list[dict[str, Any]]  # {id, task, about, reasons, due_at}
    troubles: list[dict[str, Any]]  # tasks other than drafts that failed: {task, type, about, error}
    counts: dict[str, int]  # tasks by status

    def by_outcome(self) -> dict[str, int]:
        outcomes = [post["outcome"] for post in self.posts]
        return {outcome: outcomes.count(outcome) for outcome in OUTCOMES}


def harvest(calls: Calls, launched: Launched, standing: Standing) -> Harvest:
    transactions = sorted(calls.rows("transactions", session=launched.session), key=lambda t: t["created_at"])
    memories = sorted(calls.rows("memories", session=launched.session), key=lambda m: m["created_at"])
    tasks = sorted(standing.tasks.values(), key=lambda task: task["id"])
    return Harvest(
        posts=[_post(task, standing, transactions) for task in tasks if task["type"] == "draft"],
        spend=_spend(calls, launched, transactions),
        memories=memories,
        cards=[_card(card, standing.tasks) for card in standing.cards.values()],
        troubles=[_trouble(task) for task in tasks if task["status"] == "failed" and task["type"] != "draft"],
        counts=standing.counts(),
    )


def _post(task: dict[str, Any], standing: Standing, transactions: list[dict[str, Any]]) -> dict[str, Any]:
    asked = task["input_payload"]
    results = [result for result in task["results"] if result.get("output_payload")]
    said = results[-1]["output_payload"] if results else {}
    card = standing.cards.get(task["id"])
    money = [t for t in transactions if t["task"] == task["id"]]
    return {
        "task": task["id"],
        "platform": asked.get("platform"),
        "topic": asked.get("topic"),
        "outcome": outcome(task, waits=card is not None),
        "text": said.get("text"),
        "characters": len(said.get("text") or ""),
        "length_max": asked.get("length"),
        "sources": said.get("sources") or [],
        "attempts": task["attempt_count"],
        "judge": _judge(task, standing.tasks),
        "review": {"id": card["id"], "reasons": card["reasons"], "due_at": card["due_at"]} if card else None,
        "money": [{"status": t["status"], "amount_usd": t["amount_usd"], "transaction": t["id"]} for t in money],
        "error": task["error"] if task["status"] == "failed" else None,
    }


def outcome(task: dict[str, Any], *, waits: bool) -> str:
    if task["status"] == "completed":
        return PASSED
    if waits:
        return WAITING
    if task["status"] in {"failed", "cancelled"}:
        return _OF_ERROR.get((task["error"] or {}).get("code", ""), FAILED)
    return OPEN


def _judge(task: dict[str, Any], tasks: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The last verdict on a post."""
    verdicts = [
        t for t in tasks.values() if t["type"] == "judge" and t.get("parent_task") == task["id"] and t["results"]
    ]
    if not verdicts:
        return None
    last = max(verdicts, key=lambda t: str(t["id"]))["results"][-1]
    said = last.get("output_payload") or {}
    return {"score": last.get("confidence_score"), "verdict": said.get("verdict"), "reasons": said.get("reasons") or []}


def _spend(calls: Calls, launched: Launched, transactions: list[dict[str, Any]]) -> dict[str, Any]:
    windows = calls.get(f"budgets/{launched.budget}/usage")["windows"]
    day: dict[str, Any] = next((window for window in windows if window["window"] == "day"), {})
    denied = [t for t in transactions if t["status"] == "denied"]
    return {
        "budget": launched.budget,
        "limit_usd": day.get("limit_usd"),
        "captured_usd": day.get("captured_usd"),
        "held_usd": day.get("held_usd"),
        "remaining_usd": day.get("remaining_usd"),
        "resets_at": day.get("resets_at"),
        "denied_usd": str(sum((Decimal(t["amount_usd"]) for t in denied), Decimal(0))),
        "windows": windows,
        "transactions": transactions,
    }


def _card(card: dict[str, Any], tasks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    about = tasks.get(card["task"], {}).get("description", "")
    return {name: card[name] for name in ("id", "task", "reasons", "due_at")} | {"about": about}


def _trouble(task: dict[str, Any]) -> dict[str, Any]:
    return {"task": task["id"], "type": task["type"], "about": task["description"], "error": task["error"]}
