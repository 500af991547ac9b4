"""Rules of spending as data: to whom, for what, in what and how fast, and who must approve. Pure; stored as BudgetRules.

A rule that is not known is refused when the rules are written, so that none is ever ignored.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError
from rest_framework import serializers

from chimera.kernel.errors import Refused
from chimera.kernel.http.faults import FAULTS_MAX, faults_of, place_of
from chimera.kernel.http.parsing import MoneyField, TextField, money_text
from chimera.kernel.spelling import plain
from commerce.names import names, wildcard
from commerce.states import DeniedCode

NAMES_MAX = 200  # of one list
APPROVALS_MAX = 10  # tiers of one budget
APPROVERS_MAX = 10  # of one spend
COUNT_MAX = 1_000_000  # spends in an hour; above that it is no rule

ApproverRole = Literal["admin", "finance", "operator", "reviewer"]
REVIEWER: ApproverRole = "reviewer"


def _as_in_api(field: serializers.Field[Any, Any, Any, Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        try:
            return field.run_validation(value)
        except serializers.ValidationError as error:
            said: Any = error.detail
            raise PydanticCustomError(str(said[0].code), "{said}", {"said": str(said[0])}) from None  # type: ignore[arg-type]

    return checked


def _named(entry: str) -> str:
    if not plain(entry):
        raise PydanticCustomError("blank", "Names nothing.")
    if len(entry.splitlines()) > 1:
        raise PydanticCustomError("lines", "Is more than one line.")
    return entry


def _no_star(entry: str) -> str:
    if "*" in entry:
        raise PydanticCustomError("wildcard", "Only a payee may begin with `*.`.")
    return entry


def _star_before_a_host(entry: str) -> str:
    if "*" in entry and wildcard(entry) is None:
        raise PydanticCustomError("wildcard", "A wildcard stands for hosts below one, such as *.example.com.")
    return entry


def _once(entries: tuple[str, ...]) -> tuple[str, ...]:
    if len({plain(entry) for entry in entries}) != len(entries):
        raise PydanticCustomError("twice", "Names something twice.")
    return entries


Entry = Annotated[str, PlainValidator(_as_in_api(TextField(max_length=200))), AfterValidator(_named)]
Words = Annotated[
    tuple[Annotated[Entry, AfterValidator(_no_star)], ...], Field(max_length=NAMES_MAX), AfterValidator(_once)
]
Payees = Annotated[
    tuple[Annotated[Entry, AfterValidator(_star_before_a_host)], ...],
    Field(max_length=NAMES_MAX),
    AfterValidator(_once),
]
_text = PlainSerializer(money_text, return_type=str, when_used="json")
Amount = Annotated[Decimal, PlainValidator(_as_in_api(MoneyField())), _text]
Positive = Annotated[Decimal, PlainValidator(_as_in_api(MoneyField(positive=True))), _text]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NameRules(Strict):
    """Without `allowed` everybody may be named; with it, whatever is not on it is denied, and so is no name at all."""

    allowed: Annotated[Words, Field(min_length=1)] | None = None
    denied: Words = ()


class PayeeRules(NameRules):
    """As names, and `*.example.com` for every host below example.com."""

    allowed: Annotated[Payees, Field(min_length=1)] | None = None
    denied: Payees = ()


class Velocity(Strict):
    """Within any sixty minutes: how many spends, and how much together."""

    count_per_hour: Annotated[int, Field(strict=True, ge=1, le=COUNT_MAX)] | None = None
    amount_usd_per_hour: Positive | None = None


class Tier(Strict):
    """Above an amount so many people approve, each with one of these roles (an admin has every role)."""

    above_usd: Amount
    approvers: Annotated[int, Field(strict=True, ge=1, le=APPROVERS_MAX)] = 1
    roles: Annotated[tuple[ApproverRole, ...], Field(min_length=1, max_length=4)] = (REVIEWER,)


def _each_amount_once(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    if len({tier.above_usd for tier in tiers}) != len(tiers):
        raise PydanticCustomError("twice", "Two tiers begin at the same amount.")
    return tiers


class Rules(Strict):
    payees: PayeeRules = PayeeRules()
    categories: NameRules = NameRules()
    assets: NameRules = NameRules()
    velocity: Velocity = Velocity()
    approvals: Annotated[tuple[Tier, ...], Field(max_length=APPROVALS_MAX), AfterValidator(_each_amount_once)] = ()

    def stored(self) -> dict[str, Any]:
        """As JSON, every rule named."""
        return self.model_dump(mode="json")


NONE = Rules()


@dataclass(frozen=True, slots=True)
class Broken:
    """The rule that refuses, by its place in the rules, and a sentence about it without its subject."""

    code: DeniedCode
    rule: str
    said: str


def parse(said: Any) -> Rules:
    """422 `invalid_rules`, with an error for each field, for what are no rules."""
    try:
        rules = Rules.model_validate(said)
    except ValidationError as error:
        faults = faults_of(error, "rules")
    else:
        faults = list(_unknown_assets(rules.assets))
        if not faults:
            return rules
    raise Refused(
        f"These are no rules: {faults[0]['field']}: {faults[0]['message']}",
        code="invalid_rules",
        status=422,
        errors=faults[:FAULTS_MAX],
    )


def _unknown_assets(said: NameRules) -> Iterator[dict[str, str]]:
    """Only where rules are written: those that act may name what is known no more."""
    known = {plain(asset) for asset in settings.ASSETS}
    message = f"Is no asset; known are: {', '.join(settings.ASSETS)}."
    for name, entries in (("allowed", said.allowed or ()), ("denied", said.denied)):
        for number, entry in enumerate(entries):
            if plain(entry) not in known:
                yield {"field": place_of("rules", "assets", name, number), "code": "unknown_asset", "message": message}


def broken(rules: Rules, *, payee: str, category: str, asset: str) -> Broken | None:
    """The first rule about names that forbids this; rules about amounts ask the ledger (actions.pace)."""
    asked: Iterable[tuple[str, NameRules, str, DeniedCode]] = (
        ("payees", rules.payees, payee, DeniedCode.PAYEE_DENIED),
        ("categories", rules.categories, category, DeniedCode.CATEGORY_DENIED),
        ("assets", rules.assets, asset, DeniedCode.ASSET_DENIED),
    )
    for place, lists, name, code in asked:
        if names(lists.denied).mean(name, generous=True):
            return Broken(code, f"{place}.denied", f"{_shown(name)} is among the denied {place}")
        if lists.allowed is not None and not names(lists.allowed).mean(name):
            return Broken(code, f"{place}.allowed", f"{_shown(name)} is not among the allowed {place}")
    return None


def strictest(rules: Rules, threshold: Decimal | None, amount: Decimal) -> Tier | None:
    """Of the tiers that this amount passes, the one with most approvers; of equals the one that begins last.

    A budget's approval threshold is a tier with one reviewer.
    """
    simple = [] if threshold is None else [Tier.model_construct(above_usd=threshold, approvers=1, roles=(REVIEWER,))]
    passed = [tier for tier in (*simple, *rules.approvals) if amount > tier.above_usd]
    return max(passed, key=lambda tier: (tier.approvers, tier.above_usd), default=None)


def _shown(name: str) -> str:
    return f"“{name[:80]}”" if name else "A spend that names none"
