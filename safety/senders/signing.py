"""Signatures as Standard Webhooks 1.0 has them (standardwebhooks.com): HMAC-SHA256 over id, time and body.

A receiver checks that one of the signatures is its secret's, that the time is recent, and that it has not seen the id.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32  # the standard asks for 24 to 64


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(*, message_id: str, timestamp: int, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """With a signature for each of `keys`, so that a receiver may take over a new secret at its leisure."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(message_id, timestamp, body, key) for key in keys),
    }


def _signature(message_id: str, timestamp: int, body: bytes, key: str) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(base64.b64decode(key.removeprefix(PREFIX)), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
