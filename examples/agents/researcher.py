"""The researcher: reads one text and writes what matters to memory, each finding with its source.

`research` input: {file, text, goal, topics}. The output counts findings and does not repeat their words, which stand in
the evidence: what may be published is judged where it is published.
"""

import hashlib
import time
from typing import Any

from examples.agents import researching
from examples.agents.connection import Chimera
from examples.agents.finding import Finding
from examples.agents.lease import Lease
from examples.agents.outcome import failed, succeeded

FOUND_WITHIN_SECONDS = 20.0  # the server gives memories their vectors a moment after they are written
LOOK_AGAIN_SECONDS = 0.3


def research(lease: Lease, api: Chimera) -> dict[str, Any]:
    file, text = lease.payload.get("file"), lease.payload.get("text")
    if not isinstance(file, str) or not isinstance(text, str) or not text.strip():
        return failed("no_text", "A research task needs `file` and `text`.", retryable=False)
    lease.report("reading", 10, file)
    goal, topics = str(lease.payload.get("goal", "")), list(lease.payload.get("topics") or [])
    findings = researching.findings(file=file, text=text, goal=goal, topics=topics)
    kept = []
    for number, finding in enumerate(findings, 1):
        lease.report("remembering", 20 + 70 * number // len(findings), f"{number} of {len(findings)}")
        kept.append((finding, _remember(lease, api, finding)))
    searchable = _wait_until_found(lease, api, *kept[-1]) if kept else True
    return succeeded(
        {
            "file": file,
            "summary": f"Read {file}: {len(kept)} of its sentences matter to the campaign.",
            "findings": [{"sentence": found.sentence, "importance": found.score} for found, _ in kept],
        },
        reasoning="Chosen by nearness to the goal and the topics. Extractive: no word was changed.",
        evidence=[found.as_source() | {"memory": memory} for found, memory in kept],
        metrics={"characters": len(text), "findings": len(kept), "searchable": searchable},
    )


def _remember(lease: Lease, api: Chimera, finding: Finding) -> str:
    body = {
        "content": finding.content,
        "category": "semantic",
        "importance_score": finding.score,
        "session": lease.session,
        "task": lease.task_id,
        "source": {"file": finding.file, "sentence": finding.sentence},
    }
    name = hashlib.sha256(finding.content.encode()).hexdigest()[:32]
    return str(api.post("memories", body, once=f"finding-{lease.task_id}-{name}").body["id"])


def _wait_until_found(lease: Lease, api: Chimera, finding: Finding, memory: str) -> bool:
    """Whether the last finding is found by its meaning; the writers start as soon as this task is done."""
    deadline = time.monotonic() + FOUND_WITHIN_SECONDS
    question = {"query": finding.content[:2000], "mode": "vector", "session": lease.session, "limit": 3}
    while True:
        found = api.post("memories/search", question).body["results"]
        if any(hit["memory"]["id"] == memory for hit in found):
            return True
        if time.monotonic() > deadline:
            return False
        lease.check()
        time.sleep(LOOK_AGAIN_SECONDS)
