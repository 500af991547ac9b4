"""A message as an e-mail says it."""

from typing import Any

SUBJECT_LENGTH_MAX = 150
HEADLINES = {
    "review.waits": "a {kind} waits for a decision",
    "review.due": "a {kind} is due soon",
    "review.escalated": "a {kind} was escalated",
    "test": "a test",
}


def subject(message: dict[str, Any]) -> str:
    said = message["data"]
    headline = HEADLINES[message["type"]].format(kind=said.get("review", {}).get("about", ""))
    line = " ".join(f"[Chimera] {said['tenant']['name']}: {headline}".split())
    return line[:SUBJECT_LENGTH_MAX]


def text(message: dict[str, Any], link: str) -> str:
    said = message["data"]
    review = said.get("review")
    if review is None:
        return f"This is a test of notifications of {said['tenant']['name']}. Nothing waits for you.\n"
    why = "\n".join(f"* {' '.join(reason['detail'].split())}" for reason in review["reasons"])
    return (
        f"{subject(message)}\n\nWhy:\n{why}\n\nDue: {review['due_at']}\n\n"
        f"Look at it and decide: {link}\n\nThe link works once, for a day, and asks you to log in. "
        f"Afterwards the review stands in the queue.\n"
    )
