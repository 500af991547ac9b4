"""What the swarm's pages share: who may, the colours of statuses, and cells that several nouns show."""

from typing import Any

from django.utils.safestring import SafeString

from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.identity import Role
from swarm.models import TaskResult

OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
VIEWERS = OPERATORS | {Role.AUDITOR}

_TONES = {
    "planning": "plain",
    "created": "plain",
    "pending": "plain",
    "queued": "info",
    "running": "mark",
    "active": "good",
    "paused": "warn",
    "inactive": "warn",
    "silent": "warn",
    "blocked": "warn",
    "completed": "good",
    "failed": "bad",
    "stopped": "bad",
    "suspended": "bad",
    "cancelled": "plain",
    "ended": "plain",
}
ORDER = ("pending", "queued", "running", "blocked", "completed", "failed", "cancelled")


def status(value: str) -> SafeString:
    return show.label(value, _TONES.get(value, "plain"))


def counts(by_status: dict[str, int]) -> SafeString:
    """Tasks by status: 3 queued, 1 running."""
    parts = [show.label(f"{by_status[s]} {s}", _TONES[s]) for s in ORDER if by_status.get(s)]
    return SafeString(" ".join(parts)) if parts else SafeString("no tasks")


def result_panels(results: list[TaskResult]) -> list[Panel]:
    """The latest result in full; the earlier ones as a table."""
    if not results:
        return []
    latest, *earlier = results
    shown = [_result(latest)]
    if latest.reasoning:
        shown.append(panels.prose("Its reasoning", latest.reasoning))
    if latest.evidence:
        shown.append(panels.json_value("Its evidence", latest.evidence))
    if earlier:
        rows = [
            (str(r.attempt), r.agent.name, show.label(r.outcome), show.moment(r.created_at), _said(r)) for r in earlier
        ]
        shown.append(panels.table("Earlier attempts", ("", "By", "Outcome", "When", "What it said"), rows))
    return shown


def _result(result: TaskResult) -> Panel:
    scores = [
        f"{name} {score:.2f}"
        for name, score in (("confidence", result.confidence_score), ("judge", result.judge_score))
        if score is not None
    ]
    note = " · ".join([f"attempt {result.attempt} by {result.agent.name}", result.outcome, *scores])
    return panels.json_value("Result", result.output_payload if result.error is None else result.error, note=note)


def _said(result: Any) -> str:
    if result.error:
        return f"{result.error.get('code', '')}: {result.error.get('message', '')}"
    return show.short("; ".join(text for _, text in panels.texts(result.output_payload or {})[:3]), 160)
