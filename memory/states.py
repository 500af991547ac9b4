"""How things of memory may change, and who may change them."""

from enum import StrEnum

from chimera.kernel.states import SYSTEM, Machine, edge


class ErasureStatus(StrEnum):
    REQUESTED = "requested"
    ERASED = "erased"
    CONFIRMED = "confirmed"


ERASURE = Machine(
    "erasure",
    start=ErasureStatus.REQUESTED,
    ends=[ErasureStatus.CONFIRMED],
    edges=[
        edge(
            ErasureStatus.REQUESTED,
            ErasureStatus.ERASED,
            SYSTEM,
            why="PostgreSQL was read again and has nothing of it",
        ),
        edge(
            ErasureStatus.ERASED,
            ErasureStatus.CONFIRMED,
            SYSTEM,
            why="caches are emptied and nothing waits for an index",
        ),
    ],
)
