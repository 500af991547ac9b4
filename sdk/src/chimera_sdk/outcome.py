"""What a handler hands back, as the body of a task's result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from traceback import walk_tb
from typing import Any

from chimera_sdk import encoding
from chimera_sdk.errors import ActionDenied, Away, BudgetExceeded, Fatal, Json, ProblemError, Retry
from chimera_sdk.threads import Ended
from chimera_sdk.work import Work

FRAMES_MAX = 8  # of a traceback, the innermost
LINE_CHARACTERS_MAX = 200
MESSAGE_CHARACTERS_MAX = 4000  # as the API has it
CODE_CHARACTERS_MAX = 80
OURS = PurePath(__file__).parent


@dataclass(frozen=True, slots=True)
class Result:
    """The fields of a result. Made by `ctx.result` and `ctx.failed`."""

    fields: Json

    @property
    def is_failure(self) -> bool:
        return bool(self.fields["status"] == "failed")

    @property
    def needs_a_look(self) -> bool:
        """A success that does not say how sure it is."""
        return not self.is_failure and "confidence_score" not in self.fields


Outcome = Result | Mapping[str, Any] | None
"""What a handler may return: a Result, a dict (the output of a success) or None (a success without output)."""


def succeeded(
    output: Mapping[str, Any] | None,
    *,
    confidence: float | None = None,
    reasoning: str = "",
    evidence: Sequence[Any] = (),
    artifacts: Sequence[Json] = (),
    metrics: Mapping[str, Any] | None = None,
    correlation_key: str = "",
) -> Result:
    fields: Json = {"status": "succeeded", "output_payload": output or {}}
    if confidence is not None:
        fields["confidence_score"] = confidence
    if reasoning:
        fields["reasoning"] = reasoning
    if evidence:
        fields["evidence"] = list(evidence)
    if artifacts:
        fields["artifacts"] = list(artifacts)
    if metrics:
        fields["metrics"] = metrics
    if correlation_key:
        fields["correlation_key"] = correlation_key
    return Result(fields)


def failed(
    message: str,
    *,
    code: str,
    retryable: bool,
    after_seconds: int | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Result:
    error: Json = {
        "code": _storable(code)[:CODE_CHARACTERS_MAX].strip() or "failed",
        "message": _storable(message)[:MESSAGE_CHARACTERS_MAX],
        "retryable": retryable,
    }
    if after_seconds is not None:
        error["retry_after_seconds"] = after_seconds
    return Result({"status": "failed", "error": error} | ({"metrics": metrics} if metrics else {}))


def of_answer(answer: object, artifacts: Sequence[Json], *, confidence: float | None = None) -> Result:
    """`confidence` is that of a success that says none itself. Raises TypeError for what is no outcome."""
    if isinstance(answer, Result):
        said = {} if confidence is None or answer.is_failure else {"confidence_score": confidence}
        return Result(said | answer.fields)
    if answer is None or isinstance(answer, Mapping):
        return succeeded(answer, artifacts=artifacts, confidence=confidence)
    raise TypeError(f"A handler returns ctx.result(…), a dict or None, not {type(answer).__name__}.")


def of_exception(exc: BaseException) -> Result:
    """A failure that says where it went wrong, alike from a thread and from the loop. Retryable, unless the exception says otherwise."""
    match exc:
        case Ended():
            return of_exception(exc.cause)
        case Fatal():
            return failed(str(exc), code=exc.code, retryable=False)
        case Retry():
            return failed(str(exc), code=exc.code, retryable=True, after_seconds=exc.after_seconds)
        case BudgetExceeded() | ActionDenied():
            return failed(exc.detail or str(exc), code=exc.code, retryable=False)
        case ProblemError():
            return failed(_told(exc), code=exc.code, retryable=exc.status in {409, 429} or exc.status >= 500)
        case Away():
            return failed(_told(exc), code="chimera_away", retryable=True)
    return failed(_told(exc), code=type(exc).__name__, retryable=True)


def encoded(work: Work, result: Result) -> str:
    """The result as JSON, with its task, its lease and the cost that was not counted yet. ValueError or TypeError for what
    JSON cannot say (NaN, objects)."""
    cost = work.meter.close()
    said = {"task": work.task.fields["id"], "lease_token": work.token} | result.fields
    return encoding.encoded(said if cost is None else said | {"cost_usd": f"{cost:f}"})


def _told(exc: BaseException) -> str:
    """The exception and the innermost frames of its traceback, without the SDK's own."""
    said = f"{type(exc).__name__}: {exc}"[: MESSAGE_CHARACTERS_MAX // 2]
    walked = [(frame.f_code, line) for frame, line in walk_tb(exc.__traceback__)]
    frames = [(code, line) for code, line in walked if PurePath(code.co_filename).parent != OURS][-FRAMES_MAX:]
    lines = [f"  {_short(code.co_filename)}:{line} in {code.co_name}"[:LINE_CHARACTERS_MAX] for code, line in frames]
    return "\n".join([said, *lines])


def _short(path: str) -> str:
    """The file and its folder: enough to find it, and no map of somebody's machine."""
    return "/".join(PurePath(path).parts[-2:])


def _storable(text: str) -> str:
    """Without NUL and half surrogates, which no database takes."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
