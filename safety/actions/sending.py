"""Sending what is due: rows are taken in one transaction, sent outside of any, and settled in one each.

Dies before the sending, or after it: the try counts as lost, and the message is due again (deliveries.take). So a receiver may get a
message twice, with the same id, and never loses one.
"""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import structlog

from chimera.kernel import clock, sealing, tenancy
from safety.actions import deliveries, links, targets
from safety.models import Delivery, TargetKind
from safety.senders import mailing, posting, signing, wording
from safety.senders.outcome import Outcome, refused

log = structlog.get_logger()
AT_ONCE_MAX = 8  # sent side by side; each waits for its receiver ten seconds at most
ROUNDS_MAX = 50  # of one job; what is left is the next one's


def send_due() -> int:
    """Round after round until nothing is due; how many were tried."""
    tried = 0
    for _ in range(ROUNDS_MAX):
        with tenancy.system():
            taken = deliveries.take(AT_ONCE_MAX)
        if not taken:
            break
        tried += len(taken)
        for delivery, outcome, duration_ms in _sent(taken):
            with tenancy.bound(delivery.tenant_id):
                deliveries.settle(delivery, outcome, duration_ms)
    return tried


def _sent(taken: Sequence[Delivery]) -> Iterator[tuple[Delivery, Outcome, int]]:
    """As each is done. The threads touch no database: what they need was read when it was taken."""
    with ThreadPoolExecutor(max_workers=AT_ONCE_MAX, thread_name_prefix="send") as pool:
        for future in as_completed([pool.submit(_timed, delivery) for delivery in taken]):
            yield future.result()


def _timed(delivery: Delivery) -> tuple[Delivery, Outcome, int]:
    began = time.monotonic()
    try:
        outcome = send(delivery)
    except Exception as fault:
        # A fault of ours must not keep the others of its round: it is logged, counted, and tried again like any other.
        log.exception("notification_failed", delivery=str(delivery.pk))
        outcome = refused(f"It could not be sent: {type(fault).__name__}")
    return delivery, outcome, int((time.monotonic() - began) * 1000)


def send(delivery: Delivery) -> Outcome:
    """One try, whatever its kind; none where all were used up, the last by a sender who died with it."""
    if delivery.attempts > delivery.attempts_until:
        return refused("Nobody knows what came of the last try: its sender died.", final=True)
    link = links.address_of(delivery)
    message_id = f"msg_{delivery.pk.hex}"
    if delivery.target.kind == TargetKind.EMAIL:
        said = delivery.message
        return mailing.mail(
            delivery.target.address, subject=wording.subject(said), text=wording.text(said, link), message_id=message_id
        )
    try:
        keys = targets.keys_of(delivery.target)
    except sealing.Unreadable:
        return refused("Its secret was sealed under another SECRET_KEY; rotate it.", final=True)
    body = json.dumps(_with_link(delivery, link), ensure_ascii=False, separators=(",", ":")).encode()
    stamp = int(clock.now().timestamp())
    headers = signing.headers(message_id=message_id, timestamp=stamp, body=body, keys=keys)
    return posting.post(delivery.target.address, body=body, headers=headers)


def _with_link(delivery: Delivery, link: str) -> dict[str, object]:
    if delivery.card_id is None:
        return delivery.message  # type: ignore[no-any-return]
    return {**delivery.message, "data": {**delivery.message["data"], "link": link}}
