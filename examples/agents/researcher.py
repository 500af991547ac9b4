"""The researcher: reads one text and writes what matters to memory, each finding with its source.

`research` input: {file, text, goal, topics}. The output counts findings and does not repeat their words, which stand in
the evidence: what may be published is judged where it is published.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any

from chimera_sdk import Result, Task, ThreadContext
from examples.agents import researching
from examples.agents.finding import Finding

FOUND_WITHIN_SECONDS = 20.0  # the server gives memories their vectors a moment after they are written
LOOK_AGAIN_SECONDS = 0.3


def research(task: Task, ctx: ThreadContext) -> Result:
    file, text = task.input.get("file"), task.input.get("text")
    if not isinstance(file, str) or not isinstance(text, str) or not text.strip():
        return ctx.failed("A research task needs `file` and `text`.", code="no_text")
    ctx.progress("reading", 10, file)
    goal, topics = str(task.input.get("goal", "")), list(task.input.get("topics") or [])
    findings = researching.findings(file=file, text=text, goal=goal, topics=topics)
    kept = []
    for number, finding in enumerate(findings, 1):
        ctx.progress("remembering", 20 + 70 * number // len(findings), f"{number} of {len(findings)}")
        kept.append((finding, _remember(ctx, finding)))
    searchable = _wait_until_found(ctx, *kept[-1]) if kept else True
    return ctx.result(
        report(file, [found for found, _ in kept]),
        reasoning="Chosen by nearness to the goal and the topics. Extractive: no word was changed.",
        evidence=[found.as_source() | {"memory": memory} for found, memory in kept],
        metrics={"characters": len(text), "findings": len(kept), "searchable": searchable},
    )


def report(file: str, kept: Sequence[Finding]) -> dict[str, Any]:
    return {
        "file": file,
        "summary": f"Read {file}: {len(kept)} of its sentences matter to the campaign.",
        "findings": [{"sentence": found.sentence, "importance": found.score} for found in kept],
    }


def _remember(ctx: ThreadContext, finding: Finding) -> str:
    name = hashlib.sha256(finding.content.encode()).hexdigest()[:32]
    memory = ctx.remember(
        finding.content,
        once=f"finding-{ctx.task.id}-{name}",
        category="semantic",
        importance_score=finding.score,
        source={"file": finding.file, "sentence": finding.sentence},
    )
    return str(memory["id"])


def _wait_until_found(ctx: ThreadContext, finding: Finding, memory: str) -> bool:
    """Whether the last finding is found by its meaning; the writers start as soon as this task is done."""
    deadline = time.monotonic() + FOUND_WITHIN_SECONDS
    query, where = finding.content[:2000], {"mode": "vector", "session": ctx.task.session, "limit": 3}
    while True:
        found = ctx.api.memories.search(query, **where)["results"]
        if any(hit["memory"]["id"] == memory for hit in found):
            return True
        if time.monotonic() > deadline:
            return False
        ctx.check()
        time.sleep(LOOK_AGAIN_SECONDS)
