"""The rules of a policy as data. Pure; stored as PolicyVersion.

What is not known is refused when rules are written and when they are read, so that none is ever ignored.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from chimera.kernel.sensitive import Pattern
from safety.policies.due import Due
from safety.policies.hours import Hours
from safety.policies.values import Amount, Entry, Glob, Share
from safety.topics import Topic

RULES_MAX = 100  # of one policy
ENTRIES_MAX = 200  # of one list
T = TypeVar("T")

AgentRole = Literal["worker", "planner", "judge"]
RiskTier = Annotated[int, Field(strict=True, ge=1, le=3)]


class Kind(StrEnum):
    """What is decided about."""

    RESULT = "result"
    ACTION = "action"
    SPEND = "spend"


class Then(StrEnum):
    """What a rule wants, the strictest first."""

    DENY = "deny"
    REVIEW = "review"
    ALLOW = "allow"


def _once(entries: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(entries)) != len(entries):
        raise PydanticCustomError("twice", "Names something twice.")
    return entries


Several = Annotated[tuple[T, ...], Field(min_length=1, max_length=ENTRIES_MAX), AfterValidator(_once)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shares(Strict):
    """At least `from`, and less than `below`."""

    from_: Share | None = Field(default=None, alias="from")
    below: Share | None = None

    @property
    def is_empty(self) -> bool:
        return self.from_ is not None and self.below is not None and self.from_ >= self.below

    def hold(self, value: Decimal) -> bool:
        return (self.from_ is None or value >= self.from_) and (self.below is None or value < self.below)


class Amounts(Strict):
    """More than `above`, and at most `up_to`."""

    above: Amount | None = None
    up_to: Amount | None = None

    @property
    def is_empty(self) -> bool:
        return self.above is not None and self.up_to is not None and self.above >= self.up_to

    def hold(self, value: Decimal) -> bool:
        return (self.above is None or value > self.above) and (self.up_to is None or value <= self.up_to)


class When(Strict):
    """All that is given must hold; of a list, one entry. What says nothing about a kind of subject does not hold for it."""

    subjects: Several[Kind] | None = None
    task_types: Several[Glob] | None = None
    roles: Several[AgentRole] | None = None
    risk_tiers: Several[RiskTier] | None = None
    confidence: Shares | None = None
    topics: Several[Topic] | None = None
    patterns: Several[Pattern] | None = None
    tools: Several[Glob] | None = None
    amount_usd: Amounts | None = None
    payees: Several[Glob] | None = None
    trust: Shares | None = None
    hours: Hours | None = None

    @property
    def given(self) -> frozenset[str]:
        return frozenset(name for name in type(self).model_fields if getattr(self, name) is not None)


def _says_when(when: When) -> When:
    if not when.given:
        raise PydanticCustomError("always", "Says nothing of when; name at least the subjects.")
    for name in ("confidence", "amount_usd", "trust"):
        bounds = getattr(when, name)
        if bounds is not None and all(value is None for _, value in bounds):
            raise PydanticCustomError("unbounded", "{name} bounds nothing.", {"name": name})
    return when


class Rule(Strict):
    """`due`: how long the card may wait, where this rule wants one or a budget does about what it allows."""

    name: Entry
    when: Annotated[When, AfterValidator(_says_when)]
    then: Then
    due: Due | None = None

    @model_validator(mode="after")
    def _somebody_waits(self) -> "Rule":
        if self.due is not None and self.then is Then.DENY:
            raise PydanticCustomError("due", "What is denied waits for nobody; leave `due` out.")
        return self


def _names_once(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if len({rule.name for rule in rules}) != len(rules):
        raise PydanticCustomError("twice", "Two rules have the same name.")
    return rules


Rules = Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX), AfterValidator(_names_once)]
_rules: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(Rules)


def read(kept: Any) -> tuple[Rule, ...]:
    """Rules as they are kept. Pydantic's error for what a newer Chimera wrote: then nothing passes."""
    return _rules.validate_python(kept)


def stored(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """As JSON, without what is not given."""
    return [rule.model_dump(mode="json", by_alias=True, exclude_none=True) for rule in rules]
