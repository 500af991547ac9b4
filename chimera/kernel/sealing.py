"""Secrets that we must be able to read again, encrypted where they lie: under a key derived from SECRET_KEY, one for each purpose.

What was sealed under an earlier SECRET_KEY is read as long as that stands in SECRET_KEY_FALLBACKS.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes


class Unreadable(Exception):
    """It was sealed under a SECRET_KEY that is not known any more."""


def seal(secret: str, *, purpose: str) -> bytes:
    return _keys(purpose).encrypt(secret.encode())


def unseal(sealed: bytes | memoryview, *, purpose: str) -> str:
    try:
        return _keys(purpose).decrypt(bytes(sealed)).decode()
    except InvalidToken as foreign:
        raise Unreadable("It was sealed under another SECRET_KEY.") from foreign


def _keys(purpose: str) -> MultiFernet:
    return MultiFernet([_key(secret, purpose) for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]])


def _key(secret: str | bytes, purpose: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"chimera sealed {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derived.derive(force_bytes(secret))))
