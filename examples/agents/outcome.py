"""What a handler hands back: the body of a task's result, without the lease token."""

from typing import Any


def succeeded(
    output: dict[str, Any],
    *,
    reasoning: str,
    evidence: list[dict[str, Any]] | None = None,
    score: float | None = None,
    metrics: dict[str, Any] | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {"status": "succeeded", "output_payload": output, "reasoning": reasoning}
    if evidence is not None:
        body["evidence"] = evidence
    if score is not None:
        body["confidence_score"] = score
    if metrics:
        body["metrics"] = metrics
    return body


def failed(code: str, message: str, *, retryable: bool, metrics: dict[str, Any] | None = None) -> dict[str, Any]:
    """`retryable` says whether another attempt could end differently; the server decides whether there is one."""
    body: dict[str, Any] = {
        "status": "failed",
        "error": {"code": code[:80], "message": message[:1000], "retryable": retryable},
    }
    return body | ({"metrics": metrics} if metrics else {})
