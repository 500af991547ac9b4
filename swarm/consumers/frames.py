"""What agents say over their socket (/docs/agent-socket.md): frames read strictly, one by one, so that a bad one harms no other.

A frame is a JSON object or a list of them. The rules for each field are those of the HTTP call of the same name, and so are
the codes and the words of what is wrong with it (wording.py).
"""

from typing import Annotated, Any, Literal, get_args

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic import model_validator as check_together
from rest_framework.utils.encoders import JSONEncoder

from chimera.kernel.errors import Refused
from chimera.kernel.http.parsing import read_json
from swarm.consumers.fields import (
    Arguments,
    Cost,
    Filled,
    Id,
    Json,
    Metadata,
    Money,
    Payload,
    Percentage,
    Ref,
    Score,
    Text,
    Types,
    is_ref,
    listed,
    wrong,
)
from swarm.consumers.wording import refused


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Frame(Strict):
    ref: Ref = None


class Ready(Frame):
    """How many tasks the agent wants to hold at once, of which types."""

    kind: Literal["ready"]
    slots: Annotated[int, Field(strict=True, ge=0)]
    types: Types = []


class ProgressFields(Strict):
    phase: Annotated[Filled, Field(max_length=100)]
    percentage: Percentage | None = None
    message: Annotated[Text, Field(max_length=4000)] = ""
    metadata: Metadata = {}


class Lease(Strict):
    task: Id
    lease_token: Id
    progress: ProgressFields | None = None
    cost_usd: Cost | None = None  # what it has cost so far, in all
    ahead_usd: Money | None = None  # what is to be held for what comes next


class Heartbeat(Frame):
    kind: Literal["heartbeat"]
    leases: Annotated[list[Lease], Field(max_length=settings.CLAIMS_MAX)]


class Progress(Frame, ProgressFields):
    kind: Literal["progress"]
    task: Id
    lease_token: Id


class Fault(Strict):
    code: Annotated[Filled, Field(max_length=80)]
    message: Annotated[Text, Field(max_length=4000)]
    retryable: Annotated[bool, Field(strict=True)] = False
    retry_after_seconds: Annotated[int, Field(strict=True, ge=0, le=settings.RETRY_AFTER_SECONDS_MAX)] | None = None


class Artifact(Strict):
    type: Annotated[Filled, Field(max_length=50)]
    content: Json = None
    uri: Annotated[Filled, Field(max_length=2000)] = None  # type: ignore[assignment]  # left out, never null

    @check_together(mode="after")
    def _one_of_both(self) -> "Artifact":
        if (self.content is None) == (self.uri is None):
            raise wrong("invalid", "An artifact has either `content` or `uri`.")
        return self


class Result(Frame):
    kind: Literal["result"]
    task: Id
    lease_token: Id
    status: Literal["succeeded", "failed"]
    output_payload: Payload | None = None
    confidence_score: Score | None = None
    reasoning: Annotated[Text, Field(max_length=20_000)] = ""
    evidence: Annotated[list[Any], Field(max_length=200), AfterValidator(listed)] = []
    artifacts: Annotated[list[Artifact], Field(max_length=100)] = []
    metrics: Metadata = {}
    cost_usd: Cost | None = None  # what its lease has cost, in all
    correlation_key: Annotated[Text, Field(max_length=200)] = ""  # under which a decision may be there already
    error: Fault | None = None

    @check_together(mode="after")
    def _output_or_error(self) -> "Result":
        if self.status == "failed" and self.output_payload is not None:
            raise wrong("invalid", "A failed result has an `error`, no output.", "output_payload")
        if self.status == "failed" and self.error is None:
            raise wrong("invalid", "A failed result says why: {code, message, retryable}.", "error")
        if self.status == "succeeded" and self.error is not None:
            raise wrong("invalid", "A succeeded result has no error.", "error")
        return self


class Keyed(Frame):
    lease_token: Id
    key: Annotated[str, Field(strict=True)] | None = None  # its own rules: kernel.idempotency.Once


class Spend(Keyed):
    kind: Literal["spend"]
    task: Id
    amount_usd: Money
    asset_symbol: Annotated[Filled, Field(max_length=16)]
    payee: Annotated[Text, Field(max_length=200)] = ""
    category: Annotated[Text, Field(max_length=80)] = ""
    purpose: Annotated[Text, Field(max_length=200)] = ""
    metadata: Metadata = {}
    correlation_key: Annotated[Text, Field(max_length=200)] = ""  # under which a decision may be there already


class Capture(Keyed):
    kind: Literal["capture"]
    transaction: Id
    amount_usd: Money | None = None


class Void(Keyed):
    kind: Literal["void"]
    transaction: Id
    reason: Annotated[Text, Field(max_length=500)] = ""


class Action(Keyed):
    kind: Literal["action"]
    task: Id
    tool: Annotated[Filled, Field(max_length=120)]
    arguments: Arguments
    amount_usd: Money | None = None
    asset_symbol: Annotated[Filled, Field(max_length=16)] = "USD"
    payee: Annotated[Text, Field(max_length=200)] = ""
    category: Annotated[Text, Field(max_length=80)] = ""
    purpose: Annotated[Text, Field(max_length=200)] = ""
    correlation_key: Annotated[Text, Field(max_length=200)] = ""  # under which a decision may be there already


class Execution(Keyed):
    kind: Literal["execution"]
    action: Id
    digest: Annotated[Filled, Field(min_length=64, max_length=64)] | None = None
    arguments: Arguments | None = None

    @check_together(mode="after")
    def _one_of_both(self) -> "Execution":
        if (self.digest is None) == (self.arguments is None):
            raise wrong("invalid", "Show either the `digest` or the `arguments`.", "digest")
        return self


class Outcome(Frame):
    kind: Literal["outcome"]
    action: Id
    execution_token: Annotated[Filled, Field(max_length=100)]
    status: Literal["succeeded", "failed"]
    output: Arguments | None = None
    cost_usd: Cost | None = None


Said = Ready | Heartbeat | Progress | Result | Spend | Capture | Void | Action | Execution | Outcome
_said: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="kind")])
_MODELS: dict[str, type[Frame]] = {kind.__name__.lower(): kind for kind in get_args(Said)}
KINDS = tuple(_MODELS)


def split(raw: str) -> list[Any]:
    """The items of a frame. Raises Refused for what is no JSON, and for too many."""
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
        raise refused(error, _MODELS) from None


def ref_of(item: Any) -> Any:
    """What an answer repeats, even to an item that could not be read; None for anything odd."""
    ref = item.get("ref") if isinstance(item, dict) else None
    return ref if is_ref(ref) else None


_encoder = JSONEncoder(separators=(",", ":"), ensure_ascii=True)


def dumps(frame: Any) -> str:
    """One item, as the API writes its bodies. In ASCII: a character is a byte."""
    return _encoder.encode(frame)


def joined(items: list[str], bytes_max: int) -> list[str]:
    """Encoded items in as few frames as hold them; one that is larger than a frame goes alone."""
    frames: list[list[str]] = []
    size = bytes_max
    for item in items:
        if size + len(item) + 1 > bytes_max:
            frames.append([])
            size = 2
        frames[-1].append(item)
        size += len(item) + 1
    return [frame[0] if len(frame) == 1 else f"[{','.join(frame)}]" for frame in frames]
