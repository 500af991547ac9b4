"""What django-allauth asks us: how the secrets of second factors are kept. It never shows a page of its own here."""

from allauth.mfa.adapter import DefaultMFAAdapter

from chimera.kernel.sealing import seal, unseal

PURPOSE = "second factor"


class Adapter(DefaultMFAAdapter):
    """Sealed, as everything is that must be read again."""

    def encrypt(self, text: str) -> str:
        return seal(text, purpose=PURPOSE).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text.encode(), purpose=PURPOSE)
