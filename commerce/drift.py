"""Where two accounts of the same money differ: named to the row, with what should stand there and what does."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

NOTHING = "nothing"  # expected where a row should not be, found where one should


class Place(StrEnum):
    """Which account is wrong, or cannot be told from wrong."""

    WINDOW = "window"  # is not the sum of the transactions that name it, or permits something else than its budget
    TRANSACTION = "transaction"  # is not what its last transition says, or is counted where it does not belong
    TRANSITION = "transition"  # one is missing, or does not follow from the one before
    MIRROR = "mirror"  # Redis says something else than the ledger


@dataclass(frozen=True, slots=True)
class Drift:
    """`row` is a row's id, or a key in Redis; amounts are in US dollars, those of a mirror in micro-dollars."""

    place: Place
    tenant_id: UUID | None  # None where Redis names a tenant that is none
    row: str
    name: str
    expected: str
    found: str
    detail: str = ""
