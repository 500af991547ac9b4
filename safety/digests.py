"""What an approval is bound to: SHA-256 over canonical JSON (RFC 8785), the same in every language. Pure."""

import hashlib
from typing import Any

import rfc8785

from chimera.kernel.errors import invalid

INTEGER_MAX = 2**53 - 1  # beyond it JSON's numbers mean different things to different readers


def canonical(value: Any) -> bytes:
    """422 `number_out_of_range` for numbers that two readers of JSON may read differently."""
    _check_numbers(value)
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """In hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_of_token(token: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(token.encode()).digest()


def _check_numbers(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, int | float) and abs(one) > INTEGER_MAX:
            raise invalid(
                f"`arguments` holds a number beyond {INTEGER_MAX}, which not everybody reads alike; write it as a string.",
                field_name="arguments",
                code="number_out_of_range",
            )
