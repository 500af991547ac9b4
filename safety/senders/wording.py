"""A message as an e-mail says it."""

from datetime import UTC, datetime
from typing import Any

SUBJECT_LENGTH_MAX = 150
HEADLINES = {
    "review.waits": "waits for a decision: {about}",
    "review.due": "due soon: {about}",
    "review.escalated": "escalated: {about}",
    "test": "a test",
}


def subject(message: dict[str, Any]) -> str:
    said = message["data"]
    headline = HEADLINES[message["type"]].format(about=said.get("review", {}).get("about", ""))
    line = " ".join(f"[Chimera] {said['tenant']['name']}: {headline}".split())
    return line[:SUBJECT_LENGTH_MAX]


def text(message: dict[str, Any], link: str) -> str:
    said = message["data"]
    review = said.get("review")
    if review is None:
        return f"This is a test of notifications of {said['tenant']['name']}. Nothing waits for you.\n"
    due = datetime.fromisoformat(review["due_at"]).astimezone(UTC)
    why = "\n".join(f"* {' '.join(reason['detail'].split())}" for reason in review["reasons"])
    return (
        f"{subject(message)}\n\nWhy:\n{why}\n\nDue: {due:%Y-%m-%d %H:%M} UTC. Without a decision by then it fails closed.\n\n"
        f"Look at it and decide: {link}\n\nThe link works once, for a day, and asks you to log in. "
        f"Afterwards the review stands in the queue.\n"
    )
