"""Everything that the SDK raises. `except ChimeraError` catches all of it."""

from typing import Any

Json = dict[str, Any]


class ChimeraError(Exception):
    """The base of the SDK's exceptions."""


class Away(ChimeraError):
    """No usable answer within the patience: the server is down, overloaded or out of reach. The call may have been done."""


class ProblemError(ChimeraError):
    """The server answered, and the answer was no (RFC 9457). `code` is stable; `detail` is a sentence for a person."""

    def __init__(self, status: int, body: Json) -> None:
        self.status, self.body = status, body
        self.code = str(body.get("code") or f"http_{status}")
        self.detail = str(body.get("detail") or "")
        self.errors: list[dict[str, str]] = body.get("errors") or []
        self.trace_id = str(body.get("trace_id") or "")
        super().__init__(f"{status} {self.code}: {self.detail}")


class BudgetExceeded(ProblemError):
    """402: a limit does not permit it. `resets_at` (ISO time) says from when on more is possible; None: never by waiting."""

    @property
    def remaining_usd(self) -> str | None:
        """What is left of the deciding limit, as a decimal string."""
        return self.body.get("remaining_usd")

    @property
    def resets_at(self) -> str | None:
        return self.body.get("resets_at")


class StaleLease(ProblemError):
    """The task belongs to somebody else by now: whatever is still done for it is void."""

    def __init__(self, status: int = 409, body: Json | None = None, *, detail: str = "This lease is over.") -> None:
        super().__init__(status, body or {"code": "stale_lease", "detail": detail})


class Stopped(StaleLease):
    """The task was cancelled, its session stopped, or this agent is shutting down and its patience is over."""


class OutOfMoney(Stopped, BudgetExceeded):
    """What this lease has cost is all that its budgets permit (`ctx.cost`). `code` says why, `review` which card decides whether
    the task goes on; then it comes back, with a new lease. Nothing is reported for this one.
    """

    def __init__(self, said: Json) -> None:
        """`said` is the answer to a heartbeat: {reason, detail, review}."""
        super().__init__(402, said | {"code": said.get("reason")})

    @property
    def review(self) -> str | None:
        return self.body.get("review")


class UnderReview(ChimeraError):
    """A person decides about this spend or this action. The task is blocked and its lease is over; it comes back with `ctx.resume`.

    Let it propagate: then no result is sent.
    """

    def __init__(self, transaction: Json | None = None, *, action: Json | None = None) -> None:
        self.transaction, self.action = transaction or {}, action
        what, said = ("Transaction", self.transaction) if action is None else ("Action", action)
        self.review: str | None = said.get("review")
        super().__init__(f"{what} {said.get('id')} waits for review {self.review}.")


class ActionDenied(ChimeraError):
    """It must not be done; `reasons` ([{code, detail}]) say why. Uncaught, the task fails for good."""

    def __init__(self, action: Json) -> None:
        self.action = action
        self.reasons: list[Json] = action.get("reasons") or []
        self.code = str(self.reasons[0]["code"]) if self.reasons else "action_denied"
        self.detail = str(self.reasons[0]["detail"]) if self.reasons else str(action.get("ended_reason") or "")
        super().__init__(f"Action {action.get('id')} was denied: {self.detail}")


class Fatal(ChimeraError):
    """Raise it in a handler: the task fails, and no attempt is made again."""

    def __init__(self, message: str, *, code: str = "fatal") -> None:
        self.code = code
        super().__init__(message)


class Retry(ChimeraError):
    """Raise it in a handler: this attempt fails, and another may end differently, no earlier than `after_seconds`."""

    def __init__(self, message: str, *, code: str = "retry", after_seconds: int | None = None) -> None:
        self.code, self.after_seconds = code, after_seconds
        super().__init__(message)


def problem_of(status: int, body: Json) -> ProblemError:
    if status == 402:
        return BudgetExceeded(status, body)
    if status == 409 and body.get("code") == "stale_lease":
        return StaleLease(status, body)
    return ProblemError(status, body)
