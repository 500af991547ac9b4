"""What agents say over their socket (/docs/agent-socket.md): frames read strictly, one by one, so that a bad one harms no other.

A frame is a JSON object or a list of them. The rules for each field are those of the HTTP call of the same name.
"""

import json
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.conf import settings
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic import model_validator as check_together
from rest_framework import serializers

from chimera.kernel.errors import Refused
from chimera.kernel.http.parsing import check_json, read_json

METADATA_BYTES_MAX = 16_384


def _storable(value: Any, *, bytes_max: int) -> Any:
    try:
        check_json(value, bytes_max=bytes_max)
    except serializers.ValidationError as error:
        raise ValueError(str(error.detail[0])) from None  # type: ignore[index]
    return value


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("Null characters are not allowed.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("Contains half of a surrogate pair, which is no text.") from None
    return value


def _payload(value: Any) -> Any:
    return _storable(value, bytes_max=settings.PAYLOAD_BYTES_MAX)


def _metadata(value: Any) -> Any:
    return _storable(value, bytes_max=METADATA_BYTES_MAX)


def _score(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("A valid number is required.")
    return Decimal(str(value)).quantize(Decimal("0.0001"))


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("This field may not be blank.")
    return value.strip()


Text = Annotated[str, AfterValidator(_text)]
Filled = Annotated[str, AfterValidator(_text), AfterValidator(_filled)]
Payload = Annotated[dict[str, Any], AfterValidator(_payload)]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
Score = Annotated[Decimal, BeforeValidator(_score), Field(ge=0, le=1)]
Percentage = Annotated[float, Field(strict=True, ge=0, le=100)]


class Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)
    ref: Annotated[str, Field(max_length=80, strict=True)] | Annotated[int, Field(strict=True)] | None = None


class Ready(Frame):
    """How many tasks the agent wants to hold at once, of which types."""

    kind: Literal["ready"]
    slots: Annotated[int, Field(strict=True, ge=0)]
    types: Annotated[list[Filled], Field(max_length=50)] = []


class ProgressFields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    phase: Annotated[Filled, Field(max_length=100)]
    percentage: Percentage | None = None
    message: Annotated[Text, Field(max_length=4000)] = ""
    metadata: Metadata = {}


class Lease(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    task: UUID
    lease_token: UUID
    progress: ProgressFields | None = None


class Heartbeat(Frame):
    kind: Literal["heartbeat"]
    leases: Annotated[list[Lease], Field(max_length=settings.CLAIMS_MAX)]


class Progress(Frame, ProgressFields):
    kind: Literal["progress"]
    task: UUID
    lease_token: UUID


class Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    code: Annotated[Filled, Field(max_length=80)]
    message: Annotated[Text, Field(max_length=4000)]
    retryable: Annotated[bool, Field(strict=True)] = False
    retry_after_seconds: Annotated[int, Field(strict=True, ge=0, le=settings.RETRY_AFTER_SECONDS_MAX)] | None = None


class Artifact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    type: Annotated[Filled, Field(max_length=50)]
    content: Annotated[Any, AfterValidator(_payload)] = None
    uri: Annotated[Filled, Field(max_length=2000)] | None = None

    @check_together(mode="after")
    def _one_of_both(self) -> "Artifact":
        if (self.content is None) == (self.uri is None):
            raise ValueError("An artifact has either `content` or `uri`.")
        return self


class Result(Frame):
    kind: Literal["result"]
    task: UUID
    lease_token: UUID
    status: Literal["succeeded", "failed"]
    output_payload: Payload | None = None
    confidence_score: Score | None = None
    reasoning: Annotated[Text, Field(max_length=20_000)] = ""
    evidence: Annotated[list[Any], Field(max_length=200), AfterValidator(_payload)] = []
    artifacts: Annotated[list[Artifact], Field(max_length=100)] = []
    metrics: Metadata = {}
    error: Fault | None = None

    @check_together(mode="after")
    def _output_or_error(self) -> "Result":
        if self.status == "failed" and self.output_payload is not None:
            raise ValueError("A failed result has an `error`, no output.")
        if self.status == "failed" and self.error is None:
            raise ValueError("A failed result says why: {code, message, retryable}.")
        if self.status == "succeeded" and self.error is not None:
            raise ValueError("A succeeded result has no error.")
        return self


Said = Ready | Heartbeat | Progress | Result
_said: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="kind")])
KINDS = ("ready", "heartbeat", "progress", "result")


def split(raw: str) -> list[Any]:
    """The items of a frame. Raises Refused for what is no JSON, or neither an object nor a list."""
    found = read_json(raw)
    items = found if isinstance(found, list) else [found]
    if len(items) > settings.BATCH_MAX:
        raise Refused(f"A frame carries at most {settings.BATCH_MAX} items.", code="too_large", status=413)
    return items


def read(item: Any) -> Said:
    """One item of a frame; raises Refused with what is wrong with it."""
    if not isinstance(item, dict):
        raise Refused("A frame is a JSON object, or a list of them.", code="not_an_object", status=422)
    if item.get("kind") not in KINDS:
        raise Refused(f"`kind` must be one of: {', '.join(KINDS)}.", code="unknown_kind", status=422)
    try:
        return _said.validate_python(item)
    except ValidationError as error:
        raise _refused(error) from None


def ref_of(item: Any) -> Any:
    """What an answer repeats, even to an item that could not be read; None for anything odd."""
    ref = item.get("ref") if isinstance(item, dict) else None
    return (
        ref
        if (isinstance(ref, str) and len(ref) <= 80) or (isinstance(ref, int) and not isinstance(ref, bool))
        else None
    )


def _refused(error: ValidationError) -> Refused:
    errors = [
        {
            "field": ".".join(str(part) for part in fault["loc"][1:]),
            "code": "unknown_field" if fault["type"] == "extra_forbidden" else str(fault["type"]),
            "message": fault["msg"].removeprefix("Value error, "),
        }
        for fault in error.errors(include_url=False, include_input=False)[:20]
    ]
    first = errors[0]
    where = f"{first['field']}: " if first["field"] else ""
    code = first["code"] if len(errors) == 1 and first["code"] == "unknown_field" else "invalid"
    return Refused(f"{where}{first['message']}", code=code, status=422, errors=errors)


def dumps(frames: Any) -> str:
    return json.dumps(frames, separators=(",", ":"), default=str)
