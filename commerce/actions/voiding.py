"""Many holds voided in a few statements: those of leases that are taken away together."""

from collections.abc import Sequence
from uuid import UUID

from chimera.kernel import clock, prepared
from chimera.kernel.actors import Actor
from commerce.actions import booking
from commerce.actions.desk import Desk
from commerce.models import Transaction
from commerce.periods import periods_at


def void_many(rows: Sequence[Transaction], *, reason: str, time_zone: str, by: Actor) -> set[UUID]:
    """Those that leases keep and nobody meters, under their tasks' locks. Locks all their windows, then all of them, by id; what it
    leaves is for `void_all`, whose windows are locked by then."""
    if not rows:
        return set()
    periods = periods_at(clock.now(), time_zone)
    asked = booking.reading((), periods, {window for row in rows for window in row.windows})
    *read, held = prepared.ask_all([*asked, booking.locking([row.pk for row in rows])])
    desk = Desk(periods, read, held)
    leased = [(row.pk, row.lease_token) for row in rows if row.lease_token is not None]
    done = {pk for pk, token in leased if desk.void(pk, lease_token=token, reason=reason, by=by) is not None}
    desk.write()
    return done
