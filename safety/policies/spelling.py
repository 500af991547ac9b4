"""A JSON value as patterns read it: every leaf with its name before it, for a secret is often known by its name alone. Pure."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any


def spelled(value: Any) -> str:
    """`{"api_key": "x", "card": [4]}` as two lines, "api_key: x" and "card: 4"."""
    return "\n".join(_lines("", value))


def _lines(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(key, inner) if inner not in ({}, []) else [key]
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _lines(name, inner)
    elif isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
        yield f"{name}: {value}" if name else str(value)
    elif name:
        yield name
