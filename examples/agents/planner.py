"""The planner: splits a brief into one research task per text, and drafts per platform and topic that wait for them.

`plan` input: {brief: {goal, audience, topics, persona, platforms: [{name, length, posts}], render_usd},
texts: [{file, text}], part, parts}. Texts that do not fit into one task come in several plans; the last part makes the
drafts.
"""

from typing import Any

from chimera_sdk import Result, Task, ThreadContext

RESEARCH_PRIORITY, DRAFT_PRIORITY = 60, 50
BATCH = 500  # tasks in one call


def plan(task: Task, ctx: ThreadContext) -> Result:
    brief, texts = task.input.get("brief"), task.input.get("texts")
    if not isinstance(brief, dict) or not isinstance(texts, list):
        return ctx.failed("A plan needs `brief` and `texts`; see examples/README.md.", code="bad_brief")
    ctx.progress("research", 10, f"{len(texts)} texts")
    _create(ctx, "research", [research_task(task, brief, text) for text in texts])
    if task.input.get("part", 1) < task.input.get("parts", 1):
        return ctx.result({"research": len(texts), "drafts": 0}, reasoning="One research task per text of this part.")
    ctx.progress("drafts", 60, "posts per platform and topic")
    # Asked of the server, so that the texts of earlier parts are waited for too. Sorted: a repeat must say the same.
    research = sorted(row["id"] for row in ctx.api.tasks.list(session=task.session, type="research"))
    drafts = [draft_task(task, brief, order, research) for order in orders(brief)]
    _create(ctx, "drafts", drafts)
    return ctx.result(
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


def research_task(plan: Task, brief: dict[str, Any], text: dict[str, Any]) -> dict[str, Any]:
    return {
        "session": plan.session,
        "type": "research",
        "description": f"Read {text['file']}",
        "input_payload": {**text, "goal": brief["goal"], "topics": brief["topics"]},
        "parent_task": plan.id,
        "priority": RESEARCH_PRIORITY,
        "risk_tier": 3,  # notes for ourselves, from given sources; what is published is judged later
    }


def draft_task(plan: Task, brief: dict[str, Any], order: dict[str, Any], research: list[str]) -> dict[str, Any]:
    shared = {name: brief.get(name) for name in ("goal", "audience", "persona", "topics", "render_usd")}
    return {
        "session": plan.session,
        "type": "draft",
        "description": f"{order['platform']}: {order['topic']}"[:200],
        "input_payload": shared | order,
        "parent_task": plan.id,
        "depends_on": research,
        "priority": DRAFT_PRIORITY,
        "judged": True,
    }


def _create(ctx: ThreadContext, what: str, tasks: list[dict[str, Any]]) -> None:
    """All of them, once, however often this plan is repeated."""
    for start in range(0, len(tasks), BATCH):
        ctx.api.tasks.batch(tasks[start : start + BATCH], once=f"plan-{ctx.task.id}-{what}-{start}")
