"""What we say, as JSON and in addresses: the same for calls, frames and results."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

from chimera_sdk.errors import ChimeraError

Id = str | UUID


def plain(value: object) -> str:
    """Times, ids and decimals as the API writes them; TypeError for what it cannot mean, such as a time without a zone."""
    match value:
        case datetime():
            if value.utcoffset() is None:
                raise TypeError(
                    f"{value!r} has no time zone, and nobody would know which is meant; say datetime.now(UTC)."
                )
            return value.isoformat()
        case date():
            return value.isoformat()
        case UUID() | Decimal():
            return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON: {value!r:.80}")


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=plain).encode
_encode_sorted = json.JSONEncoder(sort_keys=True, default=plain).encode


def encoded(value: object) -> str:
    """As JSON in ASCII. ValueError or TypeError for what JSON cannot say: NaN, objects."""
    return _encode(value)


def encoded_sorted(value: object) -> str:
    """The same text for the same fields, in whatever order they stand."""
    return _encode_sorted(value)


def amount_text(amount: str | Decimal | int) -> str:
    """Money as it is said; TypeError for a float."""
    if isinstance(amount, float | bool):
        raise TypeError(f"Money is a decimal string such as '0.04' or a Decimal, not {amount!r}.")
    return str(amount)


def query(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of an address."""
    return {name: plain(value) if isinstance(value, date | UUID | Decimal) else value for name, value in params.items()}


def segment(id: Id) -> str:
    """One segment of a path. ChimeraError for what is no id, and would lead elsewhere."""
    if not isinstance(id, str | UUID) or str(id).strip() in {"", ".", ".."}:
        raise ChimeraError(f"{id!r} is no id.")
    return quote(str(id), safe="")
