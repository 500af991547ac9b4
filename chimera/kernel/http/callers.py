"""Who calls, asked for many callers at once: of those who come within a moment, in one statement.

Nothing is remembered: a key that was revoked is no good for the very next call.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal
from weakref import WeakKeyDictionary

from chimera.kernel import identity
from chimera.kernel.errors import Refused, unauthenticated
from chimera.kernel.group import Group
from chimera.kernel.identity import Principal

AT_ONCE_MAX = 200
_Together = Group[Literal["all"], str, Principal]
_by_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Together]" = WeakKeyDictionary()


def secret_of(header: str) -> str | None:
    """What an Authorization header shows; None where it shows none of ours."""
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    ours = secret.startswith(("chm_", "chp_")) and secret.isascii() and len(secret) <= 200
    return secret if scheme.lower() == "bearer" and ours else None


async def caller(secret: str) -> Principal:
    """Raises 401 with what is wrong."""
    loop = asyncio.get_running_loop()
    together = _by_loop.get(loop)
    if together is None:
        together = _by_loop[loop] = Group(_identified, most=AT_ONCE_MAX)
    return await together.add("all", secret)


def principal_of(secret: str) -> Principal:
    """The same, for one, synchronously."""
    found = _known(identity.identify(secret))
    if isinstance(found, Refused):
        raise found
    return found


def _identified(key: Literal["all"], secrets: Sequence[str]) -> list[Principal | Exception]:
    found = identity.identify_all(set(secrets))
    return [_known(found.get(secret)) for secret in secrets]


def _known(found: tuple[Principal, str] | None) -> Principal | Refused:
    if found is None:
        return unauthenticated("This key is not known; it may have been mistyped, rotated or revoked.")
    principal, refusal = found
    return unauthenticated(refusal) if refusal else principal
