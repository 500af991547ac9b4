"""A person's second factor: TOTP (RFC 6238) with recovery codes, in django-allauth's tables and by its arithmetic.

What counts is kept here: rows are locked while a code is checked, and the time step of the last code is stored with its secret, so a
code works once, whatever becomes of a cache, and two requests cannot use the same recovery code.
"""

import hmac
from collections.abc import Collection
from typing import Any, Literal
from urllib.parse import quote, urlencode

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.db import transaction

from chimera.kernel import clock

PERIOD_SECONDS = 30
STEPS_OFF_MAX = 1  # a phone's clock may be half a minute off, either way
LAST_STEP = "last_step"
TOTP, CODES = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES
Passed = Literal["totp", "recovery_code"]


def is_set_up(user: Any) -> bool:
    return bool(Authenticator.objects.filter(user_id=user.pk, type=TOTP).exists())


def held_by(user_ids: Collection[int]) -> set[int]:
    """Who of these has one."""
    return set(Authenticator.objects.filter(user_id__in=user_ids, type=TOTP).values_list("user_id", flat=True))


def mark_of(user: Any) -> int | None:
    """What a session carries that was opened with this person's present second factor."""
    mark: int | None = Authenticator.objects.filter(user_id=user.pk, type=TOTP).values_list("pk", flat=True).first()
    return mark


def holds(user: Any, mark: Any) -> bool:
    """Whether it still is the present one: not after it was removed, reset or set up anew."""
    return mark is not None and bool(mark == mark_of(user))


def new_secret() -> str:
    return str(totp.generate_totp_secret())


def address(user: Any, secret: str) -> str:
    """What the QR code says, for an authenticator app."""
    label = quote(f"Chimera:{user.get_username()}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': 'Chimera', 'period': PERIOD_SECONDS})}"


def picture(user: Any, secret: str) -> str:
    """The QR code as an SVG document."""
    return str(get_adapter().build_totp_svg(address(user, secret)))


def code_at(secret: str, step: int) -> str:
    return str(totp.format_hotp_value(totp.hotp_value(secret, step)))


def step_now() -> int:
    return int(clock.now().timestamp()) // PERIOD_SECONDS


def set_up(user: Any, secret: str, code: str) -> list[str] | None:
    """The recovery codes, which are shown this once; None when the code is not the secret's, or there is a factor already."""
    step = _step_of(secret, code, after=-1)
    if step is None:
        return None
    with transaction.atomic():
        _, is_new = Authenticator.objects.get_or_create(
            user_id=user.pk, type=TOTP, defaults={"data": {"secret": get_adapter().encrypt(secret), LAST_STEP: step}}
        )
        return _fresh_codes(user) if is_new else None


def check(user: Any, code: str) -> Passed | None:
    """Whether this code lets the person in, and of which kind it is. It will not do so again."""
    typed = "".join(code.split())
    with transaction.atomic():
        rows = {
            row.type: row for row in Authenticator.objects.select_for_update().filter(user_id=user.pk).order_by("pk")
        }
        if TOTP not in rows:
            return None
        if _use_step(rows[TOTP], typed):
            return "totp"
        if CODES in rows and RecoveryCodes(rows[CODES]).validate_code(typed):
            return "recovery_code"
    return None


def renew_codes(user: Any) -> list[str]:
    """Those from before are void."""
    with transaction.atomic():
        return _fresh_codes(user)


def codes_left(user: Any) -> int:
    row = Authenticator.objects.filter(user_id=user.pk, type=CODES).first()
    return len(RecoveryCodes(row).get_unused_codes()) if row else 0


def remove(user_id: int) -> bool:
    """Whether there was one."""
    removed, _ = Authenticator.objects.filter(user_id=user_id).delete()
    return bool(removed)


def _fresh_codes(user: Any) -> list[str]:
    Authenticator.objects.filter(user_id=user.pk, type=CODES).delete()
    return list(RecoveryCodes.activate(user).generate_codes())


def _use_step(row: Any, code: str) -> bool:
    step = _step_of(get_adapter().decrypt(row.data["secret"]), code, after=row.data.get(LAST_STEP, -1))
    if step is None:
        return False
    row.data[LAST_STEP] = step
    row.last_used_at = clock.now()
    row.save(update_fields=["data", "last_used_at"])
    return True


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    """The time step of this code, about now and later than `after`."""
    now = step_now()
    fitting = [
        step
        for step in range(now - STEPS_OFF_MAX, now + STEPS_OFF_MAX + 1)
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode())
    ]
    return next((step for step in fitting if step > after), None)
