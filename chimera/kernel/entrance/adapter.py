"""What django-allauth asks us: how the secrets of second factors are kept. It never shows a page of its own here."""

import base64

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Adapter(DefaultMFAAdapter):
    """Encrypted under keys derived from SECRET_KEY; older ones (SECRET_KEY_FALLBACKS) still open what they closed."""

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text.encode()).decode()


def _fernet() -> MultiFernet:
    return MultiFernet([_of(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _of(key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"chimera second factor").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
