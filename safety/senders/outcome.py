"""What came of one try to send."""

from dataclasses import dataclass

DETAIL_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """`final`: trying again would change nothing. `wait_seconds` is what the receiver asked for."""

    taken: bool
    detail: str = ""
    status_code: int | None = None
    final: bool = False
    wait_seconds: int | None = None


def refused(detail: str, **more: object) -> Outcome:
    return Outcome(False, " ".join(detail.split())[:DETAIL_LENGTH_MAX], **more)  # type: ignore[arg-type]
