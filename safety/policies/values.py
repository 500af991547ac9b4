"""What stands in a rule: names, globs, shares of one, amounts."""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError
from rest_framework import serializers

from chimera.kernel.http.parsing import MoneyField, TextField, money_text
from chimera.kernel.spelling import alike, plain

NAME_MAX = 200
STARS_MAX = 5  # in one glob
_EDGES = "./\\`'\"()[]{}<>$:;,!-_"  # what may stand around a name and leave it the same to who runs it: ./shell
PLACES = Decimal("0.0001")
_text, _money = TextField(max_length=NAME_MAX), MoneyField()


def _checked(field: serializers.Field[Any, Any, Any, Any], value: Any) -> Any:
    """As the API checks it anywhere else."""
    try:
        return field.run_validation(value)
    except serializers.ValidationError as error:
        said: Any = error.detail
        raise PydanticCustomError(str(said[0].code), "{said}", {"said": str(said[0])}) from None  # type: ignore[arg-type]


def _named(entry: str) -> str:
    if not plain(entry):
        raise PydanticCustomError("blank", "Names nothing.")
    if len(entry.splitlines()) > 1:
        raise PydanticCustomError("lines", "Is more than one line.")
    return entry.strip()


def _glob(entry: str) -> str:
    if entry.count("*") > STARS_MAX:
        raise PydanticCustomError("stars", "Has more than {most} stars.", {"most": STARS_MAX})
    return plain(entry)


def _share(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise PydanticCustomError("share", "Must be a number from 0 to 1.")
    found = Decimal(str(value))
    if found != found.quantize(PLACES):
        raise PydanticCustomError("share", "Must have at most four decimal places.")
    return found.quantize(PLACES)


Entry = Annotated[str, PlainValidator(lambda value: _checked(_text, value)), AfterValidator(_named)]
Glob = Annotated[Entry, AfterValidator(_glob)]
Share = Annotated[Decimal, PlainValidator(_share), PlainSerializer(float, when_used="json")]
Amount = Annotated[
    Decimal,
    PlainValidator(lambda value: _checked(_money, value)),
    PlainSerializer(money_text, return_type=str, when_used="json"),
]


@lru_cache(maxsize=4096)
def means(glob: str, name: str) -> bool:
    """Whether `*` of the glob, each standing for any letters or none, can make it this name; without regard to spelling."""
    return _makes(glob, plain(name))


@lru_cache(maxsize=4096)
def resembles(glob: str, name: str) -> bool:
    """Whether it can make it this name, or one that is taken for it: for rules that would rather stop one too many."""
    asked, shown = alike(glob), alike(name)
    return means(glob, name) or _makes(asked, shown) or _makes(asked, shown.strip(_EDGES))


def _makes(glob: str, asked: str) -> bool:
    first, *rest = glob.split("*")
    if not rest:
        return asked == first
    *inner, last = rest
    if not (asked.startswith(first) and asked.endswith(last) and len(asked) >= len(first) + len(last)):
        return False
    at, end = len(first), len(asked) - len(last)
    for piece in inner:
        found = asked.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
