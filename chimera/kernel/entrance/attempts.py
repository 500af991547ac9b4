"""Attempts to log in, counted in PostgreSQL: without it nobody logs in anyway, so the limit never fails open.

An attempt is written down as failed before anything is checked, under a lock of its name, and becomes a passed one
afterwards. So a hundred at once count as a hundred, and whoever dies between the two has failed.
"""

import hashlib
import hmac
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction

from chimera.kernel import advisory, clock, ids

WINDOW = timedelta(minutes=15)
# Failures within the window after which nothing more is looked at. Of one name from one address: more typing errors than anybody
# makes. Of one name from anywhere: below a guess in thirty seconds. Of an address: an office behind one; with IPv6 its /64, for
# whoever has one address there has them all. Codes have six digits,
# and are guessed by who knows the password already: five in a quarter of an hour need years.
PASSWORDS_OF_PAIR_MAX = 10
PASSWORDS_OF_NAME_MAX = 30
CODES_OF_NAME_MAX = 5
OF_ADDRESS_MAX = 100
IPV6_HOST_BITS = 64
KEPT = timedelta(days=90)  # as long as tasks are; the log of each tenant keeps its own for a year
SWEPT_MAX = 5_000  # rows of one slice


class What(StrEnum):
    PASSWORD = "password"
    CODE = "code"


class LoginAttempt(models.Model):
    """One attempt, of no tenant. The name is kept as a keyed digest: people type passwords into the wrong field."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    who = models.BinaryField(max_length=32)
    user_id = models.IntegerField(null=True)  # of the account, where the name is one's
    address = models.GenericIPAddressField(null=True)  # of IPv6 the beginning of its /64
    what = models.CharField(max_length=8, choices=[(w.value, w.value) for w in What])
    passed = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        db_table = "kernel_loginattempt"
        indexes = [
            models.Index(fields=["who", "at"], name="attempt_of_name"),
            models.Index(fields=["address", "at"], name="attempt_of_address"),
            models.Index(fields=["at"], name="attempt_age"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {'passed' if self.passed else 'failed'} from {self.address or 'nowhere'}"


class TooMany(Exception):
    """Nothing was checked; the sentence says when to come back."""

    def __init__(self, until: Any) -> None:
        self.seconds = max(1, int((until - clock.now()).total_seconds()) + 1)
        minutes = -(-self.seconds // 60)
        super().__init__(f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")


def begin(*, name: str, address: str, what: What, user_id: int | None) -> tuple[LoginAttempt, int]:
    """Write down an attempt as failed, in a transaction of its own; with it how many this name has left from here.

    Raises TooMany, and writes nothing then: what is kept is bounded by the limits too.
    """
    who, address = _digest(name), _counted(address)
    with transaction.atomic(durable=True):
        advisory.hold(f"login|{who.hex()}")
        since = clock.now() - WINDOW
        failed = LoginAttempt.objects.filter(passed=False, at__gt=since)
        left = min(_left(failed, limit) for limit in _limits(who, address or None, what))
        attempt = LoginAttempt.objects.create(
            who=who, user_id=user_id, address=address or None, what=what, at=clock.now()
        )
    return attempt, left - 1


def passed(attempt: LoginAttempt) -> None:
    LoginAttempt.objects.filter(pk=attempt.pk).update(passed=True)


def sweep() -> int:
    """Delete one slice of old attempts; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, {"before": clock.now() - KEPT, "most": SWEPT_MAX})
        return int(cursor.rowcount)


_SWEEP = """
    DELETE FROM kernel_loginattempt WHERE id IN (
        SELECT id FROM kernel_loginattempt WHERE at < %(before)s ORDER BY at LIMIT %(most)s
    )
"""


def _limits(who: bytes, address: str | None, what: What) -> list[tuple[dict[str, Any], int]]:
    anywhere = ({"address": address}, OF_ADDRESS_MAX) if address else ({"who": who}, OF_ADDRESS_MAX)
    if what is What.CODE:
        return [({"who": who, "what": what}, CODES_OF_NAME_MAX), anywhere]
    return [
        ({"who": who, "address": address, "what": what}, PASSWORDS_OF_PAIR_MAX),
        ({"who": who, "what": what}, PASSWORDS_OF_NAME_MAX),
        anywhere,
    ]


def _left(failed: models.QuerySet[LoginAttempt], limit: tuple[dict[str, Any], int]) -> int:
    """How many more of this kind may fail; TooMany where none may, until the oldest that counts is out of the window."""
    where, most = limit
    newest = list(failed.filter(**where).order_by("-at").values_list("at", flat=True)[:most])
    if len(newest) == most:
        raise TooMany(newest[-1] + WINDOW)
    return most - len(newest)


def _counted(address: str) -> str:
    """What is counted as one: an IPv4 address, however it is written, or the /64 of an IPv6 one."""
    if not address:
        return ""
    said = ip_address(address)
    if isinstance(said, IPv4Address):
        return address
    if said.ipv4_mapped:
        return str(said.ipv4_mapped)
    return str(IPv6Address(int(said) >> IPV6_HOST_BITS << IPV6_HOST_BITS))


def _digest(name: str) -> bytes:
    key = hashlib.sha256(f"chimera login {settings.SECRET_KEY}".encode()).digest()
    return hmac.digest(key, name.strip().casefold().encode(), "sha256")
