"""Rules as somebody writes them: what is no rule is refused by its place, and so is one that could never hold.

What is kept is read without the latter (`rules.read`): a rule that was let through once must not stop every decision.
"""

from typing import Any

from pydantic import ValidationError

from chimera.kernel.errors import Refused
from safety.policies.rules import Kind, Rule, When, read
from safety.policies.subject import APPLY

FAULTS_SHOWN_MAX = 20
NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})  # on another machine they are another zone, or none
Fault = dict[str, str]


def parse(said: Any) -> tuple[Rule, ...]:
    """422 `invalid_rules`, with an error for each field, for what are no rules."""
    try:
        rules = read(said)
    except ValidationError as error:
        raise _refused(
            [
                {"field": _place(fault["loc"]), "code": fault["type"], "message": fault["msg"]}
                for fault in error.errors(include_url=False, include_input=False, include_context=False)
            ]
        ) from None
    if faults := [fault for number, rule in enumerate(rules) for fault in _never(number, rule.when)]:
        raise _refused(faults)
    return rules


def _never(number: int, when: When) -> list[Fault]:
    """Why it could not hold for anything."""
    found = [
        _fault((number, "when", name), f"Nothing is both: `{low}` is not below `{high}`.")
        for name, low, high in (
            ("confidence", "from", "below"),
            ("trust", "from", "below"),
            ("amount_usd", "above", "up_to"),
        )
        if (bounds := getattr(when, name)) is not None and bounds.is_empty
    ]
    if when.hours is not None and when.hours.time_zone in NO_ZONES:
        found.append(
            _fault((number, "when", "hours", "time_zone"), "Must be a time zone of IANA's, such as Europe/Lisbon.")
        )
    if when.hours is not None and when.hours.is_empty:
        found.append(_fault((number, "when", "hours"), "There is no hour outside of all hours of all days."))
    kinds = when.subjects or tuple(Kind)
    if not any(when.given <= APPLY[kind] for kind in kinds):
        strange = sorted(set.union(*(set(when.given - APPLY[kind]) for kind in kinds)))
        told = f"No {' or '.join(kinds)} has all of that; it would never hold. Leave out some of: {', '.join(strange)}."
        found.append(_fault((number, "when", strange[0]), told))
    return found


def _fault(parts: tuple[int | str, ...], message: str) -> Fault:
    return {"field": _place(parts), "code": "never", "message": message}


def _refused(faults: list[Fault]) -> Refused:
    first = faults[0]
    detail = f"These are no rules: {first['field']}: {first['message']}"
    return Refused(detail, code="invalid_rules", status=422, errors=faults[:FAULTS_SHOWN_MAX])


def _place(parts: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:60] for part in ("rules", *parts)).replace("\x00", "")
