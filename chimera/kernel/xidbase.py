"""xid_base: keeps positions rising when PostgreSQL's transaction ids begin again at a low number.

A restore goes into a fresh cluster, whose ids start low; point-in-time recovery and promotion may hand out again ids
that were used, and told to viewers, before. Both need a higher base, or delivery stops dead, or doubles.
"""

from dataclasses import dataclass

from django.db import connections, transaction

# Positions that were handed out after the copy was made are known to viewers and streams, not to us: leave them behind.
MARGIN = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Standing:
    base: int
    present: int  # the xid part of a position that is made now
    highest: int  # the highest that is stored anywhere

    @property
    def is_behind(self) -> bool:
        """New positions would not come after the old ones."""
        return self.highest >= self.present


_STANDING = """
    SELECT b.base, b.base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint, greatest(
        (SELECT xid FROM kernel_event ORDER BY xid DESC, seq DESC LIMIT 1),
        (SELECT max(xid) FROM kernel_lane),
        (SELECT max(xid) FROM kernel_parkedevent), 0)
    FROM kernel_xidbase b
"""


def standing(using: str = "owner") -> Standing:
    """Read as owner, or as chimera_system: others do not see every tenant's events."""
    with connections[using].cursor() as cursor:
        cursor.execute(_STANDING)
        return Standing(*cursor.fetchone())


def raise_base(using: str = "owner") -> tuple[Standing, Standing]:
    """As owner: lift the base so that every new position comes after all that were ever handed out; before and after.

    Waits for running writers and holds up new ones: two positions must not be made under two bases at the same time.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("LOCK TABLE kernel_event IN SHARE ROW EXCLUSIVE MODE")
        before = standing(using)
        lift = max(0, before.highest - before.present) + MARGIN
        cursor.execute("UPDATE kernel_xidbase SET base = base + %s", [lift])
        return before, standing(using)
