"""The line to the server: how work comes in, and what is said about it goes out. Two kinds: a socket, and HTTP."""

from collections.abc import Sequence
from typing import Protocol

from chimera_sdk.errors import ChimeraError, Json
from chimera_sdk.work import Work

AGAIN = frozenset({"busy", "internal", "away", "unavailable", "timeout"})
AGAIN_SECONDS = 1.0


def passes(code: str, status: int = 200) -> bool:
    """Whether a refusal is the server's trouble and not the result's: then the result is handed in again."""
    return code in AGAIN or status == 429 or status >= 500


class NoSocket(ChimeraError):
    """The address answers, and not with a socket: a proxy that knows none, or a server without one."""


class Outage(ChimeraError):
    """A proxy answers for a server that is away or overloaded: it is asked again."""


class Line(Protocol):
    """Only `serve` waits; the others take note and return."""

    async def serve(self) -> None:
        """Until it is cancelled. Raises ProblemError when the key is no good."""

    def report(self, work: Work) -> None:
        """Send `work.said` until it is answered."""

    def note(self, work: Work, note: Json) -> None:
        """Send progress; a later note may take the place of one that was not sent yet."""

    def beat(self, works: Sequence[Work]) -> None:
        """Keep these leases alive."""

    def let_go(self, work: Work) -> None:
        """Its lease is over and there is nothing to report: its slot is free, if the server does not know it yet."""

    def refill(self) -> None:
        """Ask for as many tasks as are wanted now; none while draining."""
