"""Strict reading of bodies and fields: one JSON object, no NaN, no NUL, no unknown field, bounded depth and size."""

import json
import re
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import serializers
from rest_framework.parsers import BaseParser

from chimera.kernel.errors import Refused

DEPTH_MAX = 32  # deeper JSON is a mistake or an attack on whoever reads it next


def _no_constant(name: str) -> NoReturn:
    raise Refused(f"{name} is not a JSON number.", code="malformed_json", status=400)


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        return read_object(_bounded(stream))


class MarkdownParser(BaseParser):
    """A text in UTF-8, for doors that take a file as it is."""

    media_type = "text/markdown"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return _bounded(stream).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("The body is not UTF-8; save the file as UTF-8.", code="malformed_text", status=400) from None


def _bounded(stream: Any) -> bytes:
    most = settings.REQUEST_BYTES_MAX
    too_large = Refused(f"The body is larger than {most} bytes; send less at once.", code="too_large", status=413)
    try:
        raw: bytes = stream.read(most + 1)
    except RequestDataTooBig:
        raise too_large from None
    if len(raw) > most:
        raise too_large
    return raw


def read_object(raw: bytes) -> dict[str, Any]:
    """Parse one JSON object; an empty body is an empty object."""
    if not raw.strip():
        return {}
    found = read_json(raw)
    if not isinstance(found, dict):
        raise Refused("The body must be a JSON object.", code="not_an_object", status=400)
    return found


def read_json(raw: bytes | str) -> Any:
    """Parse JSON as strictly as its standard has it: no NaN, no infinity, no name twice."""
    try:
        return json.loads(raw, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_doubles)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"The body is not JSON: {error}.", code="malformed_json", status=400) from None
    except (RecursionError, ValueError):
        sentence = f"The body is nested too deeply or has too long a number; nest at most {DEPTH_MAX} levels."
        raise Refused(sentence, code="malformed_json", status=400) from None


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Refused(f"{digits[:40]} is too large a number.", code="malformed_json", status=400)
    return value


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused(f"The field {twice[:60]!r} stands twice.", code="malformed_json", status=400)
    return found


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, by name."""

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """What it says, checked; raises ValidationError. One instance reads for all: making one costs more than reading."""
        found: dict[str, Any] = _reader(cls).run_validation(data)
        return found

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - {f.field_name for f in self._writable_fields})
            if unknown:
                raise serializers.ValidationError(
                    {
                        name[:60].replace("\x00", ""): [
                            serializers.ErrorDetail(
                                f"There is no such field; the fields are: {', '.join(sorted(self.fields))}.",
                                code="unknown_field",
                            )
                        ]
                        for name in unknown
                    }
                )
        return super().to_internal_value(data)


@cache
def _reader(kind: type[StrictSerializer]) -> StrictSerializer:
    return kind()


class JSONField(serializers.JSONField):
    """A JSON object of bounded size and depth without NUL characters (PostgreSQL stores none)."""

    def __init__(self, *, bytes_max: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bytes_max = bytes_max

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be a JSON object.", code="not_an_object")
        check_json(data, bytes_max=self.bytes_max or settings.PAYLOAD_BYTES_MAX)
        return data


def check_json(value: Any, *, bytes_max: int) -> None:
    if _depth(value) > DEPTH_MAX:
        raise serializers.ValidationError(f"Is nested deeper than {DEPTH_MAX} levels.", code="too_large")
    text = json.dumps(value, ensure_ascii=False)
    if len(text.encode("utf-8", "surrogatepass")) > bytes_max:
        raise serializers.ValidationError(
            f"Is larger than {bytes_max} bytes; keep files elsewhere and send their address.", code="too_large"
        )
    if "\\u0000" in json.dumps(value):
        raise serializers.ValidationError("Contains a NUL character, which cannot be stored.", code="nul_character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise serializers.ValidationError(
            "Contains half of a surrogate pair, which is no text.", code="invalid"
        ) from None


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level and deepest <= DEPTH_MAX:
        deepest += 1
        level = [
            inner for v in level if isinstance(v, dict | list) for inner in (v.values() if isinstance(v, dict) else v)
        ]
    return deepest


class TextField(serializers.CharField):
    """Text that can be stored: no NUL (DRF's own check) and no half surrogates; strings only, no numbers."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise serializers.ValidationError(
                "Contains half of a surrogate pair, which is no text.", code="invalid"
            ) from None
        return text


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer; neither "3" nor 3.0 nor true."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class StrictBooleanField(serializers.BooleanField):
    """true or false; neither "yes" nor 1."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class MomentField(serializers.DateTimeField):
    """A moment in ISO 8601 with its offset. A date, or a time without one, is another moment for each who reads it."""

    default_error_messages = {"no_offset": "Give an offset, as in 2026-03-01T08:00:00Z or 2026-03-01T09:00:00+01:00."}

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_offset")
        moment: datetime = super().enforce_timezone(value)
        return moment


class IdField(serializers.UUIDField):
    """A UUID as text; DRF's own takes numbers for one too."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class StrictFloatField(serializers.FloatField):
    """A JSON number; neither "3" nor true, nor an integer that no float can hold."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            return float(data)
        except OverflowError:
            self.fail("invalid")


class ScoreField(StrictFloatField):
    """A score from 0 to 1, read exactly into a Decimal of at most four places."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=1, **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:  # type: ignore[override]
        return Decimal(str(super().to_internal_value(data))).quantize(Decimal("0.0001"))

    def to_representation(self, value: Any) -> Any:
        return float(value)


_MONEY = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


class MoneyField(serializers.Field[Decimal, str, str, Any]):
    """US dollars as a decimal string with at most six places, finite; zero and more unless `positive`."""

    default_error_messages = {
        "invalid_money": 'Must be an amount in US dollars as a string with at most six decimals, such as "12.50".',
        "negative": "Must not be negative.",
        "not_positive": "Must be more than zero.",
        "too_much": "Is more than {most} dollars; that is a typing error, not an amount.",
    }

    def __init__(self, *, positive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.positive = positive

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not _MONEY.fullmatch(data):
            self.fail("invalid_money")
        amount = Decimal(data)
        if amount > settings.AMOUNT_USD_MAX:
            self.fail("too_much", most=settings.AMOUNT_USD_MAX)
        if amount < 0:
            self.fail("negative")
        if self.positive and amount == 0:
            self.fail("not_positive")
        quantized = amount.quantize(Decimal("0.000001"))
        if quantized != amount:
            self.fail("invalid_money")
        return quantized

    def to_representation(self, value: Decimal) -> str:
        return money_text(value)


def money_text(value: Decimal) -> str:
    """At least two places, at most six: 0.04, 12.50, 0.000125."""
    whole, _, places = f"{value:.6f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"
