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

    @property
    def is_down(self) -> bool:
        """The receiver takes nothing at all now, as far as one can see: it is not this message's fault."""
        return not self.taken and not self.final and (self.status_code in (None, 421, 429) or self.status_code >= 500)


def refused(detail: str, **more: object) -> Outcome:
    """On one line, without what no text may have: servers answer what they like."""
    plain = "".join(letter if letter.isprintable() else " " for letter in detail)
    return Outcome(False, " ".join(plain.split())[:DETAIL_LENGTH_MAX], **more)  # type: ignore[arg-type]
