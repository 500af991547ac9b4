"""Fields of frames, with the rules and the error codes of the API's fields of the same name (kernel.http.parsing)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from pydantic import AfterValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError
from rest_framework import serializers

from chimera.kernel.http.parsing import MoneyField, ScoreField, StrictFloatField, check_json

METADATA_BYTES_MAX = 16_384
ARGUMENTS_BYTES_MAX = 65_536  # of an action, and of what came of it
REF_LENGTH_MAX = 80
REF_NUMBER_MAX = 2**63
HALF_SURROGATE = "Contains half of a surrogate pair, which is no text."


def wrong(code: str, message: str, field: str = "") -> PydanticCustomError:
    """`field` where it is not the place at which this is raised."""
    return PydanticCustomError(code, "{message}", {"message": message, "field": field})  # type: ignore[arg-type]


def _as_in_api(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        try:
            return check(value)
        except serializers.ValidationError as error:
            said: Any = error.detail
            raise wrong(str(said[0].code), str(said[0])) from None

    return checked


def _json(bytes_max: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        check_json(value, bytes_max=bytes_max)
        return value

    return _as_in_api(check)


listed = _json(settings.PAYLOAD_BYTES_MAX)  # of a list, which is bounded as a payload is


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong("not_an_object", "Must be a JSON object.")
    return value


def _text(value: str) -> str:
    if "\x00" in value:
        raise wrong("null_characters_not_allowed", "Null characters are not allowed.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise wrong("invalid", HALF_SURROGATE) from None
    return value.strip()


def _filled(value: str) -> str:
    if not value:
        raise wrong("blank", "This field may not be blank.")
    return value


def _uuid(value: Any) -> UUID:
    try:
        if isinstance(value, str):
            return UUID(value)
    except ValueError:
        pass
    raise wrong("invalid", "Must be a valid UUID.")


def _ref(value: Any) -> str | int | None:
    if value is None or is_ref(value):
        return value  # type: ignore[no-any-return]
    raise wrong("invalid", f"Must be a string of at most {REF_LENGTH_MAX} characters, or an integer of 64 bits.")


def is_ref(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= REF_LENGTH_MAX
    return isinstance(value, int) and not isinstance(value, bool) and -REF_NUMBER_MAX <= value < REF_NUMBER_MAX


_score = ScoreField()
_money = MoneyField(positive=True)
_cost = MoneyField()
_percentage = StrictFloatField(min_value=0, max_value=100)

Id = Annotated[UUID, PlainValidator(_uuid)]
Text = Annotated[str, Field(strict=True), AfterValidator(_text)]
Filled = Annotated[str, Field(strict=True), AfterValidator(_text), AfterValidator(_filled)]
Json = Annotated[Any, AfterValidator(listed)]
Payload = Annotated[Any, PlainValidator(_object), AfterValidator(listed)]
Metadata = Annotated[Any, PlainValidator(_object), AfterValidator(_json(METADATA_BYTES_MAX))]
Arguments = Annotated[Any, PlainValidator(_object), AfterValidator(_json(ARGUMENTS_BYTES_MAX))]
Score = Annotated[Decimal, PlainValidator(_as_in_api(_score.run_validation))]
Money = Annotated[Decimal, PlainValidator(_as_in_api(_money.run_validation))]
Cost = Annotated[Decimal, PlainValidator(_as_in_api(_cost.run_validation))]
Percentage = Annotated[float, PlainValidator(_as_in_api(_percentage.run_validation))]
Ref = Annotated[str | int | None, PlainValidator(_ref)]
Types = Annotated[list[Annotated[Filled, Field(max_length=80)]], Field(max_length=50)]
