"""Refusals. Each has a stable `code` and a sentence that says what to do; doors answer them as RFC 9457 problems."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Refused(Exception):
    """A call that cannot be served as asked. Raised inside a transaction, it undoes the transaction."""

    detail: str
    code: str = "refused"
    status: int = 400
    errors: list[dict[str, str]] = field(default_factory=list)  # [{field, code, message}]
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def invalid(detail: str, *, field_name: str = "", code: str = "invalid") -> Refused:
    """422: the call is well formed, but what it says cannot be."""
    errors = [{"field": field_name, "code": code, "message": detail}] if field_name else []
    return Refused(detail, code=code, status=422, errors=errors)


def not_found(what: str) -> Refused:
    return Refused(f"No such {what}; check its id, and that it belongs to your tenant.", code="not_found", status=404)


def forbidden(detail: str, *, code: str = "forbidden") -> Refused:
    return Refused(detail, code=code, status=403)


def conflict(detail: str, *, code: str, **extra: Any) -> Refused:
    return Refused(detail, code=code, status=409, extra=extra)


def unauthenticated(detail: str) -> Refused:
    return Refused(detail, code="unauthenticated", status=401, headers={"WWW-Authenticate": 'Bearer realm="chimera"'})


def busy(detail: str, *, retry_seconds: int = 1) -> Refused:
    return Refused(detail, code="busy", status=503, headers={"Retry-After": str(retry_seconds)})


class Stale(Refused):
    """Somebody else changed the thing first; read it again."""

    def __init__(
        self, detail: str = "It has changed since you read it; read it again.", *, code: str = "stale", **extra: Any
    ) -> None:
        super().__init__(detail, code=code, status=409, extra=extra)


class StaleLease(Stale):
    """The lease token is not the task's present one: the agent was declared dead or the task was taken from it."""

    def __init__(self, detail: str = "This lease is over; drop the work and claim again.") -> None:
        super().__init__(detail, code="stale_lease")
