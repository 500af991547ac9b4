"""What an approval is bound to: any change of any byte is another digest, and every spelling of the same is the same."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from chimera.kernel import ids
from chimera.kernel.errors import Refused
from chimera.kernel.http.parsing import read_object
from safety import digests
from safety.models import Action

WORDS = some.text(alphabet=some.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
NUMBERS = some.integers(-digests.INTEGER_MAX, digests.INTEGER_MAX) | some.floats(
    -1e15, 1e15, allow_nan=False, allow_infinity=False
)
VALUES = some.recursive(
    some.none() | some.booleans() | NUMBERS | WORDS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = some.dictionaries(WORDS, VALUES, min_size=1, max_size=3)
FIXED = UUID("01900000-0000-7000-8000-000000000001")


def action(**more: Any) -> Action:
    said = {"tool": "publish", "arguments": {}, "goal": [1, None], "tenant_id": FIXED, "task_id": FIXED}
    return Action(**(said | {"id": FIXED} | more))


def read(raw: bytes) -> dict[str, Any] | None:
    """As the doors read it; None for what they refuse."""
    try:
        found = read_object(raw)
        digests.canonical(found)
    except (Refused, UnicodeEncodeError):
        return None
    return found


PATIENT = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # of a machine that does other things too


@PATIENT
@given(ARGUMENTS, some.data())
def test_any_change_of_any_byte_is_refused_or_another_digest_or_says_the_same(
    arguments: dict[str, Any], data: Any
) -> None:
    asked = action(arguments=arguments)
    raw = bytearray(json.dumps(arguments, ensure_ascii=False).encode())
    place = data.draw(some.integers(0, len(raw) - 1))
    raw[place] = data.draw(some.integers(0, 255).filter(lambda byte: byte != raw[place]))
    shown = read(bytes(raw))
    if shown is None:
        return
    same = digests.canonical(shown) == digests.canonical(arguments)
    assert (asked.digest_with(shown) == asked.digest_with()) == same


@PATIENT
@given(ARGUMENTS)
def test_order_spacing_and_escapes_of_the_same_arguments_are_the_same(arguments: dict[str, Any]) -> None:
    turned = dict(reversed(arguments.items()))
    for text in (json.dumps(turned, indent=3), json.dumps(turned, ensure_ascii=False, separators=(",", ":"))):
        shown = read(text.encode())
        assert shown is not None
        assert action(arguments=arguments).digest_with(shown) == action(arguments=arguments).digest_with()


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ids.uuid7()},
        {"task_id": ids.uuid7()},
        {"tool": "Publish"},
        {"arguments": {"": None}},
        {"payee": "x"},
        {"category": "x"},
        {"asset_symbol": "USD"},
        {"amount_usd": 1},
        {"transaction_id": FIXED},
        {"goal": [2, None]},
        {"goal": [1, 1]},
        {"policies": [{"policy": str(FIXED), "version": 1}]},
        {"evidence": [{"id": str(FIXED), "version": 1}]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_each_ground_is_bound(changed: dict[str, Any]) -> None:
    assert action(**changed).digest_with() != action().digest_with()


def test_a_purpose_is_for_people_and_not_bound() -> None:
    assert action(purpose="what for").digest_with() == action().digest_with()


def test_the_form_is_that_of_rfc_8785() -> None:
    """From its appendix B and section 3.2.3."""
    said = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew",
        "1": "One",
        "\U0001f600": "Smiley",
        "\u0080": "Control",
    }
    assert [*json.loads(digests.canonical(said))] == ["\r", "1", "\u0080", "\u20ac", "\U0001f600", "\ufb33"]
    assert (
        digests.canonical([333333333.33333329, 1e-27, 4.50, 2e-3, 1e-7, -0.0])
        == b"[333333333.3333333,1e-27,4.5,0.002,1e-7,0]"
    )
