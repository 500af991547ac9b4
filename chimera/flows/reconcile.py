"""Reconcile: the ledger with itself, and the mirror in Redis with the ledger, at one moment, while spends go on.

Locks: nothing; one REPEATABLE READ snapshot across tenants, which holds neither spends nor the event log back. Repairs the
mirror alone: what disagrees in PostgreSQL is for people, who are told which row it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from chimera.kernel import redis, tenancy
from commerce import accumulator
from commerce.actions import placing, reconciling
from commerce.drift import Drift, Place

STATEMENT_MINUTES = 30  # for one comparison of a large ledger; requests have seconds
REPAIRS_MAX = 3  # a relay that sums at the same moment may write an older sum over ours


@dataclass
class Reconciled:
    """`looked_at` counts rows, and keys of the mirror: None while Redis is away. `mirror` is what was wrong there at first,
    `repaired` what is right now."""

    looked_at: dict[Place, int | None] = field(default_factory=dict)
    drifts: int = 0  # that remain
    mirror: list[Drift] = field(default_factory=list)
    repaired: set[str] = field(default_factory=set)


def reconcile(*, tenant_id: UUID | None, repair: bool, tell: Callable[[Drift], None]) -> Reconciled:
    """Of one tenant or of all. `tell` is called with each drift of the ledger as it is found."""
    done = Reconciled()
    said = _mirror(tenant_id)
    with _snapshot():
        done.looked_at = {**reconciling.sizes(tenant_id), Place.MIRROR: None if said is None else len(said)}
        for drift in _ledger(tenant_id):
            done.drifts += 1
            tell(drift)
        done.mirror = [] if said is None else list(accumulator.compare(said, tenant_id))
    remaining = _repaired(done.mirror, tenant_id) if repair else {drift.row for drift in done.mirror}
    done.repaired = {drift.row for drift in done.mirror} - remaining
    done.drifts += len(remaining)
    return done


def _ledger(tenant_id: UUID | None) -> Iterator[Drift]:
    yield from reconciling.windows(tenant_id)
    yield from placing.limits(tenant_id)
    yield from placing.placements(tenant_id)
    yield from reconciling.transitions(tenant_id)


def _mirror(tenant_id: UUID | None) -> dict[str, str] | None:
    try:
        return accumulator.read(tenant_id)
    except redis.Away:
        return None


def _repaired(wrong: list[Drift], tenant_id: UUID | None) -> set[str]:
    """Repairs, looks again, and answers the keys that are wrong all the same."""
    keys = {drift.row for drift in wrong}
    for _ in range(REPAIRS_MAX):
        if not keys:
            break
        try:
            accumulator.repair(keys)
        except redis.Away:
            break
        said = _mirror(tenant_id)
        if said is None:
            break
        with _snapshot():
            keys &= {drift.row for drift in accumulator.compare(said, tenant_id)}
    return keys


@contextmanager
def _snapshot() -> Iterator[None]:
    with tenancy.system(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_MINUTES}min'")
        yield
