"""A morning at Acme: a campaign under way, so that the console's pages have something to say."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cast import Stage

GOAL = "Invite the town to the reopened harbour baths, without promising what the tide does not keep."
POSTS = (
    (
        "Write a post about the tide gate",
        "The gate opens two hours before high water. Come early, and bring a towel.",
        0.96,
    ),
    ("Write a post about the ferry", "From Saturday the ferry calls at the baths: quarter past each hour.", 0.81),
    ("Write a post about swimming", "It is safe to swim at high tide; at low tide the steps are dry.", 0.95),
    ("Write a post about the old port", "In 1911 the port kept eleven cranes. One still stands.", 0.93),
)
MEMORIES = (
    ("The tide gate opens two hours before high water, from April to October.", "tide-gate-note.md"),
    ("The ferry calls at the baths from Saturday on, quarter past each hour.", "ferry-notice.md"),
    ("At low tide the lowest steps are dry and slippery.", "swimming-notice.md"),
)


@dataclass(frozen=True)
class Scene:
    """Ids of what the pages are opened for."""

    session: str
    campaign: str
    card: str  # a result whose confidence lies between the bands
    topic: str  # a result that touches a sensitive topic
    spend: str  # a spend above the threshold
    failed: str  # a dead letter


def play(acme: Stage, settle: Callable[[], None]) -> Scene:
    """Every standing once: done, waiting, blocked by money, denied, failed, running."""
    campaign = acme.otto.post("campaigns", {"name": "Harbour launch", "goal": GOAL}).ok(201)
    session = acme.session(campaign=campaign["id"], name="Harbour launch, first week")
    acme.budget(day_usd="0.30", month_usd="6.00", per_transaction_usd="0.25", approval_threshold_usd="0.10")
    acme.fay.post("budgets", {"scope": "agent", "scope_id": acme.ada.id, "total_usd": "5.00"}).ok(201)
    for content, file in MEMORIES:
        acme.pia.post("memories", {"content": content, "category": "semantic", "source": {"file": file}}).ok(201)
    settle()
    reviews = [_post(acme, settle, session, *post) for post in POSTS]
    spend = _render(acme, settle, session, "Render the poster", "0.12")
    _render(acme, settle, session, "Render the film", "0.24")
    failed = _fail(acme, settle, session)
    for what in ("Read the council's minutes", "Read the ecology survey", "Read the oral history"):
        acme.task(session, type="research", description=what, role="worker")
    settle()
    running = acme.ada.claim()[0]
    progress = {"phase": "reading", "percentage": 40, "message": "page 12 of 30"}
    acme.ada.post(
        f"tasks/{running['task']['id']}/heartbeat", {"lease_token": running["lease_token"], "progress": progress}
    ).ok()
    settle()
    return Scene(session["id"], campaign["id"], str(reviews[1]), str(reviews[2]), str(spend), failed)


def _claimed(acme: Stage, settle: Callable[[], None], session: dict[str, Any], **task: Any) -> dict[str, Any]:
    made = acme.task(session, **task)
    settle()
    claim = acme.ada.claim()[0]
    assert claim["task"]["id"] == made["id"]
    return claim


def _post(
    acme: Stage, settle: Callable[[], None], session: dict[str, Any], what: str, text: str, score: float
) -> str | None:
    payload = {"platform": "short", "topic": what.removeprefix("Write a post about "), "limit": 280}
    claim = _claimed(acme, settle, session, type="write", description=what, input_payload=payload)
    about = what.removeprefix("Write a post about ")
    shown = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    acme.ada.post("memories/search", {"query": about, "limit": 3} | shown).ok()
    acme.ada.spend(claim, "0.04").ok(201)
    said = acme.ada.finish(
        claim,
        confidence=score,
        output={"text": text, "platform": "short"},
        reasoning="Built from what the swarm remembers of it.",
    )
    settle()
    return said.ok()["review"]


def _render(acme: Stage, settle: Callable[[], None], session: dict[str, Any], what: str, price: str) -> str | None:
    claim = _claimed(acme, settle, session, type="render", description=what)
    said = acme.ada.spend(claim, price)
    if said.status == 402:
        acme.ada.finish(claim, confidence=0.99, output={"text": "No render: the budget does not permit it."}).ok()
    settle()
    return said["review"] if said.status == 202 else None


def _fail(acme: Stage, settle: Callable[[], None], session: dict[str, Any]) -> str:
    claim = _claimed(acme, settle, session, type="research", description="Read the tide tables", max_attempts=1)
    error = {"code": "unreadable", "message": "The table is a scanned picture.", "retryable": False}
    body = {"lease_token": claim["lease_token"], "status": "failed", "error": error}
    acme.ada.post(f"tasks/{claim['task']['id']}/result", body).ok()
    settle()
    return str(claim["task"]["id"])
