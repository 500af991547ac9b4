"""Something of everything that a tenant can have, made through the API, so that others can be kept from it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chimera.flows.flush_progress import flush_progress
from chimera.kernel import clock, eventlog, tenancy
from chimera.kernel.relay import parking
from memory.models import Generation, GivenUp
from safety.actions import deliveries
from safety.senders.outcome import refused
from tests.cast import Stage

SCHEDULE = {
    "name": "nightly",
    "cron": "0 3 * * *",
    "overlap": "skip",
    "task": {"type": "research", "input_payload": {"question": "why"}},
}
LIMIT = {"scope": "tenant", "running_max": 100}
TARGET = {"name": "house", "kind": "webhook", "address": "https://hooks.example.com/services/house"}
SOUL = """---
id: harbour-ghost
name: The Ghost of the Harbour
voice_traits: [plain]
directives: [Name places.]
---
A voice from the tide gate.
"""
POLICY = {
    "name": "ghost",
    "rules": [{"name": "all", "when": {"subjects": ["spend"]}, "then": "review"}],
    "status": "shadow",
}


@dataclass(frozen=True)
class World:
    """Ids by the names that addresses use, and Ada's lease of `task_id`."""

    ids: dict[str, str]
    lease_token: str


def made_by(acme: Stage, settle: Callable[[], None]) -> World:
    with tenancy.system():  # changes of memories are noted where there is an index
        Generation.objects.get_or_create(collection="AgentMemory_world")
        GivenUp.objects.get_or_create(collection="AgentMemory_before")
    campaign = acme.otto.post("campaigns", {"name": "Harbour", "goal": "Fill the baths"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    budget = acme.budget(day_usd="10")
    raised = {"window": "day", "amount_usd": "5", "reason": "the baths open", "expires_at": tomorrow()}
    increase = acme.fay.post(f"budgets/{budget['id']}/increases", raised).ok(201)
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": {"velocity": {"count_per_hour": 100}}}).ok()
    policy = acme.boss.post("policies", POLICY).ok(201)
    waiting = _waiting(acme, settle, session)
    task = acme.task(session, external_id="harbour-1", depends_on=[waiting["task"]])
    acme.rita.post(f"reviews/{waiting['review']}/claim").ok()
    acme.rita.post(f"reviews/{waiting['review']}/decision", {"decision": "approve"}).ok()
    settle()
    (claim,) = acme.ada.claim()
    assert claim["task"]["id"] == task["id"]
    spend = acme.ada.spend(claim, "1").ok(201)
    lease = {"lease_token": claim["lease_token"]}
    proposal = {"tool": "publish", "arguments": {"text": "The baths open."}, "amount_usd": "1"}
    action = acme.ada.post(f"tasks/{task['id']}/actions", lease | proposal).ok(201)
    memory = acme.ada.post("memories", {"content": "The tide gate opens at six.", "task": task["id"]}).ok(201)
    acme.otto.post("memories", {"content": "The tide gate opens at six."}).ok()
    acme.boss.put("memories/policy", {"screening": {"pii.email": "refuse"}}).ok()
    erasure = acme.boss.post("memories/erasures", {"scope": "subject", "whose": "ghost", "reason": "asked"}).ok(202)
    acme.ada.post("memories/search", {"query": "tide", "task": task["id"]} | lease).ok()
    persona = acme.otto.post("personas", {"soul": SOUL}).ok(201)
    acme.ada.post(f"personas/{persona['id']}/context", {"task": task["id"]} | lease).ok(201)
    schedule = acme.otto.post(f"campaigns/{campaign['id']}/schedules", SCHEDULE).ok(201)
    progress = {"phase": "reading", "percentage": 50, "message": "half"}
    acme.ada.post(f"tasks/{task['id']}/heartbeat", lease | {"progress": progress}).ok()
    acme.otto.post("campaigns", {"name": "kept for its key", "goal": "none"}, Idempotency_Key="one").ok(201)
    acme.ada.post("locks", {"resource": "tide gate", "ttl_seconds": 600}).ok(201)
    limit = acme.otto.post("concurrency-limits", LIMIT).ok(201)
    flush_progress()
    _park(acme)
    settle()
    review = _waiting(acme, settle, session)["review"]
    early = {"correlation_key": "ghost", "decision": "reject", "note": "not the harbour"}
    early_id = acme.rita.post("reviews/decisions", early).ok(202)["id"]
    taken_back = acme.rita.post("reviews/decisions", early | {"correlation_key": "wraith"}).ok(202)["id"]
    acme.rita.post(f"reviews/decisions/{taken_back}/withdraw").ok()
    acme.otto.post(f"schedules/{schedule['id']}/run").ok(201)
    acme.otto.post("tenant/pause", {"reason": "the tide is out"}).ok()
    acme.otto.post("tenant/resume", {"reason": "the tide is back"}).ok()
    target = acme.boss.post("notification-targets", TARGET).ok(201)
    delivery = acme.boss.post(f"notification-targets/{target['id']}/test").ok(202)
    _not_taken(acme)
    return World(
        {
            "tenant_id": str(acme.tenant_id),
            "stop_id": acme.otto.get("stops").ok()["results"][0]["id"],
            "agent_id": acme.ada.id,
            "campaign_id": campaign["id"],
            "session_id": session["id"],
            "schedule_id": schedule["id"],
            "limit_id": limit["id"],
            "task_id": task["id"],
            "transaction_id": spend["id"],
            "budget_id": budget["id"],
            "increase_id": increase["id"],
            "review_id": review,
            "action_id": action["id"],
            "memory_id": memory["id"],
            "persona_id": persona["id"],
            "erasure_id": erasure["id"],
            "policy_id": policy["id"],
            "target_id": target["id"],
            "delivery_id": delivery["id"],
            "early_decision_id": early_id,
        },
        claim["lease_token"],
    )


def tomorrow() -> str:
    return (clock.now() + timedelta(days=1)).isoformat()


def _waiting(acme: Stage, settle: Callable[[], None], session: dict[str, Any]) -> dict[str, str]:
    """A result with an artifact that waits for a person."""
    made = acme.task(session)
    settle()
    claim = next(c for c in acme.ada.claim(8) if c["task"]["id"] == made["id"])
    artifacts = [{"type": "table", "content": {"rows": [1]}}]
    return {"task": made["id"], "review": acme.ada.finish(claim, 0.8, artifacts=artifacts).ok()["review"]}


def _not_taken(acme: Stage) -> None:
    """A try to send that came to nothing."""
    with tenancy.system():
        taken = deliveries.take(1)
    with acme.bound():
        for each in taken:
            deliveries.settle(each, refused("It answered 500.", status_code=500), duration_ms=1)


def _park(acme: Stage) -> None:
    """An event that a lane put aside."""
    with tenancy.bound(acme.tenant_id):
        event = eventlog.read(eventlog.START, limit=1)[0]
    with tenancy.system():
        parking.park(event, lane="memory", attempts=4, fault=ValueError("the embedder is away"))
