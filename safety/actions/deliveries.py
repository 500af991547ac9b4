"""What is to be sent: put once per target, card, occasion and step; taken by a sender; settled with what came of it; replayed by people."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from chimera.kernel import clock, ids
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import conflict
from chimera.kernel.eventlog import tell
from safety.events import NotificationFailed, NotificationReplayed
from safety.models import Delivery, DeliveryAttempt, NotificationTarget, Occasion, ReviewCard, TargetKind
from safety.senders.outcome import Outcome
from safety.states import DELIVERY, CardStatus, DeliveryStatus, TargetStatus

ATTEMPTS_MAX = 10  # some eight hours; a card has mostly failed closed by then
PAUSE_FACTOR, PAUSE_SECONDS_MAX = 3, 4 * 3600
# A try that nobody has settled by then is lost with its sender, and is due again. A post has ten seconds for all of it; a dialogue with
# a mail server has a dozen steps, each of which may take as long (EMAIL_TIMEOUT).
ON_ITS_WAY = {TargetKind.WEBHOOK: timedelta(minutes=1), TargetKind.EMAIL: timedelta(minutes=3)}
OF_ONE_TARGET_MAX = 4  # taken at once, so that a slow receiver leaves room for others
HELD_BACK_MAX = 1_000  # with one failure; the next one holds back what is left
KEPT = timedelta(days=90)  # as long as tasks
SWEPT_MAX = 1_000  # rows of one transaction


def put(*, card: ReviewCard, occasion: Occasion, roles: Iterable[str], message: dict[str, Any], step: str = "") -> bool:
    """To every target that wants to hear of it; whether there is any. What was put before is left as it is."""
    wants = Q(roles=[]) | Q(roles__overlap=sorted(roles))
    targets = NotificationTarget.objects.kept().filter(wants, occasions__contains=[occasion.value]).order_by("pk")
    rows = [_new(target, occasion, message, card=card, step=step) for target in targets]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return bool(rows)


def put_test(target: NotificationTarget, message: dict[str, Any]) -> Delivery:
    row = _new(target, Occasion.TEST, message)
    row.save(force_insert=True)
    return row


def _new(
    target: NotificationTarget,
    occasion: Occasion,
    message: dict[str, Any],
    *,
    card: ReviewCard | None = None,
    step: str = "",
) -> Delivery:
    return Delivery(
        id=ids.uuid7(),
        target=target,
        card=card,
        occasion=occasion,
        step=step,
        message=message,
        attempts_until=ATTEMPTS_MAX,
        next_attempt_at=clock.now(),
    )


def take(most: int) -> list[Delivery]:
    """Those that are due, with their targets, each handed to one sender alone; drops what is moot. Runs as chimera_system.

    Whoever dies after this has sent it or not: it is due again after ON_ITS_WAY, and a receiver knows it by its id.
    """
    at = clock.now()
    turn = Window(RowNumber(), partition_by=F("target"), order_by=(F("next_attempt_at"), F("pk")))
    mine = Delivery.objects.due(at).alias(turn=turn).filter(turn__lte=OF_ONE_TARGET_MAX).values_list("pk", flat=True)
    rows = list(
        Delivery.objects.due(at)
        .filter(pk__in=list(mine[:most]))
        .select_related("target", "card")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
    )
    decided = [row for row in rows if row.card and row.card.status != CardStatus.PENDING]
    # Put or replayed at the very moment in which its target was removed.
    removed = [row for row in rows if row not in decided and row.target.status == TargetStatus.REMOVED]
    _drop(decided, "Its card is decided.")
    _drop(removed, "Its target was removed.")
    taken = [row for row in rows if row not in decided and row not in removed]
    for kind, longest in ON_ITS_WAY.items():
        by_it = [row.pk for row in taken if row.target.kind == kind]
        Delivery.objects.filter(pk__in=by_it).update(attempts=F("attempts") + 1, next_attempt_at=at + longest)
    for row in taken:
        row.attempts += 1
    return taken


def settle(taken: Delivery, outcome: Outcome, duration_ms: int) -> None:
    """What came of a try, in a transaction of its tenant. One that took so long that another has begun changes nothing, unless it
    was the one that got through."""
    DeliveryAttempt.objects.create(
        delivery=taken,
        number=taken.attempts,
        taken=outcome.taken,
        status_code=outcome.status_code,
        detail=outcome.detail,
        duration_ms=duration_ms,
    )
    row = Delivery.objects.select_for_update(no_key=True, of=("self",)).select_related("target").get(pk=taken.pk)
    if row.status != DeliveryStatus.PENDING or (row.attempts != taken.attempts and not outcome.taken):
        return
    if outcome.taken:
        DELIVERY.advance(row, to=DeliveryStatus.SENT, ended_at=clock.now(), error="")
    elif outcome.final or row.attempts >= row.attempts_until:
        DELIVERY.advance(row, to=DeliveryStatus.FAILED, ended_at=clock.now(), error=outcome.detail)
        tell(NotificationFailed.about(row, error=outcome.detail), by=SYSTEM)
    else:
        tries = row.attempts - (row.attempts_until - ATTEMPTS_MAX)
        again = clock.now() + timedelta(seconds=pause_seconds(tries, outcome.wait_seconds))
        Delivery.objects.filter(pk=row.pk).update(next_attempt_at=again, error=outcome.detail)
        if outcome.is_down:
            _hold_back(row.target, again)


def _hold_back(target: NotificationTarget, until: datetime) -> None:
    """What else is due to a target that is down waits as long as the one that found it so, and no try of it is used up."""
    due = Delivery.objects.due(clock.now()).filter(target=target).order_by("pk")
    others = due.select_for_update(of=("self",), no_key=True, skip_locked=True).values_list("pk", flat=True)
    Delivery.objects.filter(pk__in=list(others[:HELD_BACK_MAX])).update(next_attempt_at=until)


def pause_seconds(tries: int, asked: int | None = None) -> float:
    """After so many tries: half of it fixed, half by chance, so that what failed together does not come back together."""
    longest = min(settings.NOTIFY_RETRY_BASE_SECONDS * PAUSE_FACTOR ** (tries - 1), PAUSE_SECONDS_MAX)
    return max(random.uniform(longest / 2, longest), asked or 0)


def replay(*, delivery_id: UUID, by: Actor) -> Delivery:
    """Send it once more, with the same id and a fresh link. 409 where nothing waits for it any more."""
    row: Delivery = (
        Delivery.objects.select_for_update(no_key=True, of=("self",))
        .select_related("target", "card")
        .get_or_refuse(delivery_id)
    )
    if row.target.status == TargetStatus.REMOVED:
        raise conflict("Its target was removed.", code="target_removed")
    if row.card and row.card.status != CardStatus.PENDING:
        raise conflict(f"Its card is {row.card.status}; nobody needs to hear of it.", code="card_decided")
    DELIVERY.advance(
        row,
        to=DeliveryStatus.PENDING,
        ended_at=None,
        attempts_until=row.attempts + ATTEMPTS_MAX,
        next_attempt_at=clock.now(),
        link_serial=row.link_serial + 1,
        link_used_at=None,
        link_used_by="",
    )
    tell(NotificationReplayed.about(row), by=by)
    return row


def drop_all(target: NotificationTarget) -> None:
    """What waits for a target that was removed; the caller holds its row."""
    pending = Delivery.objects.filter(target=target, status=DeliveryStatus.PENDING)
    _drop(list(pending.select_for_update(no_key=True).order_by("pk")), "Its target was removed.")


def _drop(rows: Sequence[Delivery], why: str) -> None:
    DELIVERY.advance_each(rows, to=DeliveryStatus.DROPPED, ended_at=clock.now(), error=why)


def sweep() -> int:
    """Forget what ended long ago, at most SWEPT_MAX; how many. Runs as chimera_system."""
    old = Delivery.objects.filter(ended_at__isnull=False, pk__lt=ids.first_of(clock.now() - KEPT))
    gone = list(old.values_list("pk", flat=True)[:SWEPT_MAX])
    Delivery.objects.filter(pk__in=gone).delete()
    return len(gone)
