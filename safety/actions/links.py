"""Links in messages: signed, good for a day, and for one person once. They lead to the card, and let nobody in: a link is opened by who
has logged in, and only that uses it up, for mail servers look at every link that passes them."""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused, not_found
from safety.models import Delivery

LINK_LIFE_SECONDS = 24 * 3600
SALT = "chimera.safety.links"


def address_of(delivery: Delivery) -> str:
    """Of the delivery's present link; the same until a replay, but for the time in it."""
    token = signing.dumps([delivery.tenant_id.hex, delivery.pk.hex, delivery.link_serial], salt=SALT)
    return f"{settings.BASE_URL}{reverse('admin:safety_delivery_link', args=[token])}"


def tenant_of(token: str) -> UUID:
    """Whose it is. 404 for what we never signed, 410 `link_expired`."""
    return _read(token)[0]


def follow(token: str, *, by: Actor) -> UUID:
    """Use it up; the id of its card. In the transaction of its tenant. 410 `link_used`, `link_expired`."""
    _, delivery_id, serial = _read(token)
    rows = Delivery.objects.filter(pk=delivery_id, card__isnull=False)
    used = rows.filter(link_serial=serial, link_used_at__isnull=True)
    if used.update(link_used_at=clock.now(), link_used_by=by.name) == 0:
        raise _spent(rows.first(), serial)
    return rows.values_list("card_id", flat=True).get()  # type: ignore[return-value]


def _read(token: str) -> tuple[UUID, UUID, int]:
    try:
        tenant, delivery, serial = signing.loads(token, salt=SALT, max_age=LINK_LIFE_SECONDS)
    except signing.SignatureExpired:
        raise Refused(
            "This link has expired; the review, if it still waits, stands in the queue.",
            code="link_expired",
            status=410,
        ) from None
    except signing.BadSignature:
        raise not_found("link") from None
    return UUID(tenant), UUID(delivery), int(serial)


def _spent(delivery: Delivery | None, serial: int) -> Refused:
    if delivery is None:
        return not_found("link")
    if delivery.link_serial != serial or delivery.link_used_at is None:
        return Refused("A newer link was sent in its place.", code="link_used", status=410)
    return Refused(
        f"This link was used at {delivery.link_used_at:%H:%M} UTC, and works once; the review stands in the queue.",
        code="link_used",
        status=410,
    )
