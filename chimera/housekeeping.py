"""What the worker does now and then, with retries, on PostgreSQL (procrastinate)."""

import structlog
from django.conf import settings
from procrastinate.contrib.django import app

from chimera.kernel import idempotency, partitions, tenancy
from chimera.kernel.entrance import attempts
from chimera.kernel.http import sessions
from memory.actions import erasing, fading, vectors
from memory.embedders import EmbedderAway
from memory.limits import FADED_AN_HOUR_MAX, FADED_AT_ONCE
from memory.models import MemoryPolicy
from safety.actions import deliveries, sending, shadowing
from swarm.actions import locks, schedule_runs

log = structlog.get_logger()


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="make_partitions", retry=5)
def make_partitions(timestamp: int) -> None:
    """Keep every partitioned table's months ahead; a no-op but once a month."""
    if made := partitions.make(months_ahead=settings.PARTITIONS_AHEAD_MONTHS):
        log.info("partitions_made", tables=made)


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="sweep_answers", retry=5)
def sweep_answers(timestamp: int) -> None:
    """Forget answers to Idempotency-Keys that nobody may ask for any more."""
    with tenancy.system():
        idempotency.sweep()


@app.periodic(cron="7 * * * *")
@app.task(queueing_lock="sweep_locks", retry=5)
def sweep_locks(timestamp: int) -> None:
    """Forget locks that ended long ago; their fencing numbers are not used again."""
    with tenancy.system():
        locks.sweep()


@app.periodic(cron="27 * * * *")
@app.task(queueing_lock="sweep_schedule_runs", retry=5)
def sweep_schedule_runs(timestamp: int) -> None:
    """Forget what came of schedules' times long ago, slice by slice, each in a transaction of its own."""
    swept = schedule_runs.SWEPT_MAX
    while swept == schedule_runs.SWEPT_MAX:
        with tenancy.system():
            swept = schedule_runs.sweep()


@app.periodic(cron="37 * * * *")
@app.task(queueing_lock="sweep_shadow_verdicts", retry=5)
def sweep_shadow_verdicts(timestamp: int) -> None:
    """Forget what policies in shadow would have done long ago, slice by slice, each in a transaction of its own."""
    swept = shadowing.SWEPT_MAX
    while swept == shadowing.SWEPT_MAX:
        with tenancy.system():
            swept = shadowing.sweep()


@app.periodic(cron="57 * * * *")
@app.task(queueing_lock="sweep_entrance", retry=5)
def sweep_entrance(timestamp: int) -> None:
    """Forget old attempts to log in, slice by slice, and sessions that ended long ago."""
    swept = attempts.SWEPT_MAX
    while swept == attempts.SWEPT_MAX:
        swept = attempts.sweep()
    sessions.sweep()


@app.periodic(cron="* * * * *")
@app.task(
    queueing_lock="embed_waiting"
)  # a `lock` would stay with a worker that was killed, and nobody would embed again
def embed_waiting(timestamp: int) -> None:
    """Memories without a vector of the present model: after a change of model, or while the endpoint was away. Not retried: it is
    minutely. Two at once, of which one is late, ask for a batch twice at worst, and write the same."""
    try:
        embedded = vectors.embed_waiting()
    except EmbedderAway as away:
        log.warning("memories_wait_for_their_embedder", error=str(away))
        return
    if embedded:
        log.info("memories_embedded", memories=embedded)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="chimera.housekeeping.erase_memories")
def erase_memories(timestamp: int | None = None) -> None:
    """Carry on what is to be erased, each as far as it goes. Asked for with the request; one that fails holds no other up."""
    for tenant_id, erasure_id in erasing.open_ones():
        try:
            status = erasing.go_on(tenant_id=tenant_id, erasure_id=erasure_id)
        except Exception:
            log.exception("memory_erasure_failed", tenant=str(tenant_id), erasure=str(erasure_id))
        else:
            log.info("memory_erasure", erasure=str(erasure_id), status=str(status))


@app.periodic(cron="13 * * * *")
@app.task(queueing_lock="fade_memories", retry=5)
def fade_memories(timestamp: int) -> None:
    """Let go of what has faded, tenant by tenant where a policy says so, slice by slice, each in a transaction of its own."""
    with tenancy.system():
        tenants = list(MemoryPolicy.objects.exclude(fading={}).order_by("pk").values_list("tenant_id", flat=True))
    for tenant_id in tenants:
        faded, slice_ = 0, FADED_AT_ONCE
        while slice_ == FADED_AT_ONCE and faded < FADED_AN_HOUR_MAX:
            with tenancy.bound(tenant_id):
                slice_ = fading.fade()
            faded += slice_
        if faded:
            log.info("memories_faded", tenant=str(tenant_id), memories=faded)


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="chimera.housekeeping.send_notifications")
def send_notifications(timestamp: int | None = None) -> None:
    """Send what is due. Asked for with what is to be sent, and by the relay's clock; now and then by itself, should that stand still."""
    if tried := sending.send_due():
        log.info("notifications_tried", deliveries=tried)


@app.periodic(cron="47 * * * *")
@app.task(queueing_lock="sweep_deliveries", retry=5)
def sweep_deliveries(timestamp: int) -> None:
    """Forget what was sent long ago, slice by slice, each in a transaction of its own."""
    swept = deliveries.SWEPT_MAX
    while swept == deliveries.SWEPT_MAX:
        with tenancy.system():
            swept = deliveries.sweep()
