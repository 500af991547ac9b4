"""The writer: recalls what is known about a topic, composes one post for one platform, and buys its picture.

`draft` input: {platform, length, topic, turn, goal, audience, persona, topics, render_usd}. The money is only held
here: Chimera captures it when the post is accepted, and gives it back when the post is sent back or rejected.
"""

from chimera_sdk import BudgetExceeded, Result, Task, ThreadContext, ThreadHold
from examples.agents import drafting, finding
from examples.agents.drafting import Order, Post
from examples.agents.model import Model, ModelFailed
from examples.agents.writing import write

RECALLED_MAX = 40  # memories per topic: more than any post uses, so that there is a choice


def draft(task: Task, ctx: ThreadContext) -> Result:
    """UnderReview ends it when a human has to look at the purchase first; the task then comes back with `ctx.resume`."""
    order = order_of(ctx)
    ctx.progress("recalling", 10, order.topic)
    findings = recall(ctx, order.topic)
    model = Model.configured()
    ctx.progress("writing", 40, f"{len(findings)} findings")
    try:
        post = (
            write(model, order, dict(task.input), findings, note=note_of(ctx))
            if model
            else drafting.compose(order, findings)
        )
    except ModelFailed as error:
        return ctx.failed(str(error), code="model_failed", retryable=True)
    if post is None:
        return ctx.failed(
            f"Memory holds nothing about {order.topic!r} that fits {order.length} characters.", code="nothing_to_say"
        )
    ctx.progress("buying", 80, "a picture")
    try:
        render = buy_render(ctx, post)
    except BudgetExceeded as refusal:
        return _refused(ctx, refusal)
    return _result(ctx, order, post, findings, render, model)


def order_of(ctx: ThreadContext) -> Order:
    payload = ctx.task.input
    persona = payload.get("persona") or {}
    return Order(
        topic=str(payload["topic"]),
        length=int(payload["length"]),
        closing=str(persona.get("closing") or ""),
        avoid=tuple(persona.get("avoid") or ()),
        turn=int(payload.get("turn", 0)) + ctx.attempt - 1,
    )


def note_of(ctx: ThreadContext) -> str:
    """What a reviewer or the judge said about the attempt before; only a model can follow it."""
    resume = ctx.resume
    said = (resume.note if resume else "") or (ctx.task.error or {}).get("message") or ""
    return str(said)[:2000]


def recall(ctx: ThreadContext, topic: str) -> list[finding.Finding]:
    """The findings of this session about a topic. The search is frozen with the task as its memory check."""
    hits = ctx.recall(topic[:2000], limit=RECALLED_MAX, category="semantic", session=ctx.task.session)
    return [found for hit in hits if (found := finding.of_memory(hit["memory"], float(hit["score"])))]


def buy_render(ctx: ThreadContext, post: Post) -> ThreadHold:
    """Asking again after an approval answers with that same hold. It stays open: Chimera settles it with the post."""
    return ctx.spend(
        str(ctx.task.input["render_usd"]),
        payee="render.example",
        category="render",
        metadata={"platform": ctx.task.input["platform"], "text": post.text[:2000]},  # for whoever has to approve it
        once=f"render-{ctx.task.id}-{ctx.lease_token}",
    ).hold()


def _refused(ctx: ThreadContext, refusal: BudgetExceeded) -> Result:
    metrics = {"remaining_usd": refusal.remaining_usd, "resets_at": refusal.resets_at, "refusal": refusal.code}
    return ctx.failed(refusal.detail or "The budget refused it.", code="budget_refused", metrics=metrics)


def _result(
    ctx: ThreadContext,
    order: Order,
    post: Post,
    findings: list[finding.Finding],
    render: ThreadHold,
    model: Model | None,
) -> Result:
    how = f"Written by {model.name} from" if model else "Extractive: whole sentences, unchanged, arranged out of"
    left_out = f" Left out for words to avoid: {', '.join(post.left_out)}." if post.left_out else ""
    sources = [used.as_source() for used in post.used]
    return ctx.result(
        {
            "platform": ctx.task.input["platform"],
            "topic": order.topic,
            "text": post.text,
            "characters": len(post.text),
            "sources": sources,
            "render": {"transaction": render.id, "amount_usd": render.transaction["amount_usd"]},
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
