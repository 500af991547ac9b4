"""The planner: splits a brief into one research task per text, and drafts per platform and topic that wait for them.

`plan` input: {brief: {goal, audience, topics, persona, platforms: [{name, length, posts}], render_usd},
texts: [{file, text}], part, parts}. Texts that do not fit into one task come in several plans; the last part makes the
drafts.
"""

from typing import Any

from examples.agents.connection import Chimera
from examples.agents.lease import Lease
from examples.agents.outcome import failed, succeeded

RESEARCH_PRIORITY, DRAFT_PRIORITY = 60, 50
BATCH = 500  # tasks in one call


def plan(lease: Lease, api: Chimera) -> dict[str, Any]:
    brief, texts = lease.payload.get("brief"), lease.payload.get("texts")
    if not isinstance(brief, dict) or not isinstance(texts, list):
        return failed("bad_brief", "A plan needs `brief` and `texts`; see examples/README.md.", retryable=False)
    lease.report("research", 10, f"{len(texts)} texts")
    _create(lease, api, "research", [research_task(lease, brief, text) for text in texts])
    if lease.payload.get("part", 1) < lease.payload.get("parts", 1):
        return succeeded({"research": len(texts), "drafts": 0}, reasoning="One research task per text of this part.")
    lease.report("drafts", 60, "posts per platform and topic")
    # Asked of the server, so that the texts of earlier parts are waited for too. Sorted: a repeat must say the same.
    research = sorted(task["id"] for task in api.pages("tasks", session=lease.session, type="research", limit=100))
    drafts = [draft_task(lease, brief, order, research) for order in orders(brief)]
    _create(lease, api, "drafts", drafts)
    return succeeded(
        {"research": len(texts), "drafts": len(drafts)},
        reasoning=f"One research task per text; {len(drafts)} drafts, the topics dealt out in turn over the platforms.",
    )


def orders(brief: dict[str, Any]) -> list[dict[str, Any]]:
    """What is to be written: the topics in turn, across the platforms; `turn` counts repeats on one platform."""
    topics, seen, found = brief["topics"], dict[tuple[str, str], int](), list[dict[str, Any]]()
    for platform in brief["platforms"]:
        for _ in range(platform["posts"]):
            topic = topics[len(found) % len(topics)]
            turn = seen.get((platform["name"], topic), 0)
            seen[platform["name"], topic] = turn + 1
            found.append({"platform": platform["name"], "length": platform["length"], "topic": topic, "turn": turn})
    return found


def research_task(lease: Lease, brief: dict[str, Any], text: dict[str, Any]) -> dict[str, Any]:
    return {
        "session": lease.session,
        "type": "research",
        "description": f"Read {text['file']}",
        "input_payload": {**text, "goal": brief["goal"], "topics": brief["topics"]},
        "parent_task": lease.task_id,
        "priority": RESEARCH_PRIORITY,
        "risk_tier": 3,  # notes for ourselves, from given sources; what is published is judged later
    }


def draft_task(lease: Lease, brief: dict[str, Any], order: dict[str, Any], research: list[str]) -> dict[str, Any]:
    shared = {name: brief.get(name) for name in ("goal", "audience", "persona", "topics", "render_usd")}
    return {
        "session": lease.session,
        "type": "draft",
        "description": f"{order['platform']}: {order['topic']}"[:200],
        "input_payload": shared | order,
        "parent_task": lease.task_id,
        "depends_on": research,
        "priority": DRAFT_PRIORITY,
        "judged": True,
    }


def _create(lease: Lease, api: Chimera, what: str, tasks: list[dict[str, Any]]) -> None:
    """All of them, once, however often this plan is repeated."""
    for start in range(0, len(tasks), BATCH):
        api.post(
            "tasks/batch",
            {"tasks": tasks[start : start + BATCH]},
            once=f"plan-{lease.task_id}-{what}-{start}",
        )
