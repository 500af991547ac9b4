"""Links in messages: signed, good for a day, and for one person once. They lead to the card, and let nobody in: a link is opened by who
has logged in, and only who may decide its card uses it up, for mail servers look at every link that passes them."""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused, not_found
from chimera.kernel.identity import Role
from safety.models import Delivery
from safety.quorum import deciders

LINK_LIFE_SECONDS = 24 * 3600
SALT = "chimera.safety.links"


def address_of(delivery: Delivery) -> str:
    """Of the delivery's present link; the same until a replay, but for the time in it."""
    token = signing.dumps([delivery.tenant_id.hex, delivery.pk.hex, delivery.link_serial], salt=SALT)
    return f"{settings.BASE_URL}{reverse('admin:safety_delivery_link', args=[token])}"


def tenant_of(token: str) -> UUID:
    """Whose it is. 404 for what we never signed, 410 `link_expired`."""
    return _read(token)[0]


def follow(token: str, *, roles: frozenset[Role], by: Actor) -> UUID:
    """The id of its card. Who has one of the `roles` that decide it uses the link up; others may look, and leave it to those.

    In the transaction of its tenant. 410 `link_used`, `link_expired`.
    """
    _, delivery_id, serial = _read(token)
    row = Delivery.objects.select_related("card").filter(pk=delivery_id, card__isnull=False).first()
    if row is None or row.card is None:
        raise not_found("link")
    card = row.card
    unused = Delivery.objects.filter(pk=row.pk, link_serial=serial, link_used_at__isnull=True)
    decides = bool(roles & deciders(card.quorum))
    used_up = {"link_used_at": clock.now(), "link_used_by": by.name}
    if not (unused.update(**used_up) if decides else unused.exists()):
        row.refresh_from_db()
        raise _spent(row, serial)
    return card.pk


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


def _spent(delivery: Delivery, serial: int) -> Refused:
    if delivery.link_serial != serial or delivery.link_used_at is None:
        return Refused("A newer link was sent in its place.", code="link_used", status=410)
    return Refused(
        f"This link was used at {delivery.link_used_at:%H:%M} UTC, and works once; the review stands in the queue.",
        code="link_used",
        status=410,
    )
