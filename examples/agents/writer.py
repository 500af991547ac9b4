"""The writer: recalls what is known about a topic, composes one post for one platform, and buys its picture.

`draft` input: {platform, length, topic, turn, goal, audience, persona, topics, render_usd}. The money is only held
here: Chimera captures it when the post is accepted, and gives it back when the post is sent back or rejected.
"""

from typing import Any

from examples.agents import drafting, finding
from examples.agents.connection import Answer, Chimera
from examples.agents.drafting import Order, Post
from examples.agents.lease import Lease
from examples.agents.model import Model, ModelFailed
from examples.agents.outcome import failed, succeeded
from examples.agents.writing import write

RECALLED_MAX = 40  # memories per topic: more than any post uses, so that there is a choice


def draft(lease: Lease, api: Chimera) -> dict[str, Any] | None:
    """None when a human has to look at the purchase first; the task then comes back as a claim with `resume`."""
    order = order_of(lease)
    lease.report("recalling", 10, order.topic)
    findings = recall(lease, api, order.topic)
    model = Model.configured()
    lease.report("writing", 40, f"{len(findings)} findings")
    try:
        post = (
            write(model, order, lease.payload, findings, note=note_of(lease))
            if model
            else drafting.compose(order, findings)
        )
    except ModelFailed as error:
        return failed("model_failed", str(error), retryable=True)
    if post is None:
        return failed(
            "nothing_to_say",
            f"Memory holds nothing about {order.topic!r} that fits {order.length} characters.",
            retryable=False,
        )
    lease.report("buying", 80, "a picture")
    bought = buy_render(lease, api, post)
    if bought.status == 202:
        return None
    if bought.status == 402:
        return _refused(bought)
    return _result(lease, order, post, findings, bought, model)


def order_of(lease: Lease) -> Order:
    payload, persona = lease.payload, lease.payload.get("persona") or {}
    return Order(
        topic=str(payload["topic"]),
        length=int(payload["length"]),
        closing=str(persona.get("closing") or ""),
        avoid=tuple(persona.get("avoid") or ()),
        turn=int(payload.get("turn", 0)) + lease.attempt - 1,
    )


def note_of(lease: Lease) -> str:
    """What a reviewer or the judge said about the attempt before; only a model can follow it."""
    said = (lease.resume or {}).get("note") or (lease.task.get("error") or {}).get("message") or ""
    return str(said)[:2000]


def recall(lease: Lease, api: Chimera, topic: str) -> list[finding.Finding]:
    """The findings of this session about a topic. The search is frozen with the task as its memory check."""
    question = {
        "query": topic[:2000],
        "limit": RECALLED_MAX,
        "category": "semantic",
        "session": lease.session,
        "task": lease.task_id,
        "lease_token": lease.token,
    }
    hits = api.post("memories/search", question).body["results"]
    return [found for hit in hits if (found := finding.of_memory(hit["memory"], float(hit["score"])))]


def buy_render(lease: Lease, api: Chimera, post: Post) -> Answer:
    """201 held, 202 a human decides first, 402 refused. Asking again after an approval answers with that same hold."""
    body = {
        "task": lease.task_id,
        "lease_token": lease.token,
        "amount_usd": str(lease.payload["render_usd"]),
        "asset_symbol": "USD",
        "payee": "render.example",
        "category": "render",
        "metadata": {"platform": lease.payload["platform"], "text": post.text[:2000]},  # for whoever has to approve it
    }
    return api.post("transactions", body, once=f"render-{lease.task_id}-{lease.token}", also=frozenset({402}))


def _refused(bought: Answer) -> dict[str, Any]:
    said = bought.body
    metrics = {
        "remaining_usd": said.get("remaining_usd"),
        "resets_at": said.get("resets_at"),
        "refusal": said.get("code"),
    }
    return failed("budget_refused", said.get("detail") or "The budget refused it.", retryable=False, metrics=metrics)


def _result(
    lease: Lease,
    order: Order,
    post: Post,
    findings: list[finding.Finding],
    bought: Answer,
    model: Model | None,
) -> dict[str, Any]:
    how = f"Written by {model.name} from" if model else "Extractive: whole sentences, unchanged, arranged out of"
    left_out = f" Left out for words to avoid: {', '.join(post.left_out)}." if post.left_out else ""
    sources = [used.as_source() for used in post.used]
    return succeeded(
        {
            "platform": lease.payload["platform"],
            "topic": order.topic,
            "text": post.text,
            "characters": len(post.text),
            "sources": sources,
            "render": {"transaction": bought.body.get("id"), "amount_usd": bought.body.get("amount_usd")},
        },
        reasoning=f"{how} {len(post.used)} of {len(findings)} findings about {order.topic!r}.{left_out}",
        evidence=sources,
        metrics={
            "characters": len(post.text),
            "length": order.length,
            "recalled": len(findings),
            "used": len(post.used),
        },
    )
