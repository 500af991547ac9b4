"""`manage.py policy`: what is there, and what the last days would have been, in the terminal and for programs."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chimera.kernel import clock
from tests.cast import Stage
from tests.safety.test_policy_doors import DEAR, NEVER, claimed, made

Settle = Callable[[], None]


def run(*words: str) -> str:
    printed = StringIO()
    call_command("policy", *words, stdout=printed)
    return printed.getvalue().rstrip("\n")


@pytest.fixture
def spent(acme: Stage, settle: Settle) -> Stage:
    acme.budget(day_usd="20")
    claim = claimed(acme, settle)
    for amount, payee in (("6", "render.example"), ("2", "render.example"), ("1", "evil.example")):
        acme.ada.spend(claim, amount, payee=payee).ok(201)
    made(acme, DEAR, NEVER, name="money", status="shadow")
    return acme


def test_it_lists_and_shows(spent: Stage) -> None:
    assert run("list") == "money: shadow, version 1, would have stopped 0 in 7 days"
    assert json.loads(run("--json", "list"))["name"] == "money"
    shown = json.loads(run("show", "--policy", "money"))
    assert [rule["name"] for rule in shown["rules"]] == ["dear", "never them"]


def test_a_replay_says_what_would_have_been_different_and_by_which_rule(spent: Stage) -> None:
    said = json.loads(run("--json", "replay", "--policy", "money", "--days", "7"))
    assert (said["looked_at"], said["complete"]) == (3, True)
    assert {(each["was"], each["would_be"], each["count"]) for each in said["outcomes"]} >= {
        ("allow", "review", 1),
        ("allow", "deny", 1),
    }
    assert sorted(each["rule"] for each in said["differences"]) == ["dear", "never them"]
    words = run("replay", "--policy", "money")
    assert words.startswith("money, version 1: 3 results, actions and spends since ")
    assert "allow → review" in words
    assert "never them" in words


def test_a_policy_is_named_by_its_id_too(spent: Stage) -> None:
    policy = json.loads(run("--json", "list"))["id"]
    assert run("show", "--policy", policy) == run("show", "--policy", "money")
    assert run("replay", "--policy", policy).startswith("money, version 1: 3 ")


def test_a_replay_looks_at_what_was_handed_in_lately_however_old_its_task_is(acme: Stage, settle: Settle) -> None:
    made(acme, {"name": "all", "when": {"subjects": ["result"]}, "then": "review"}, status="off")
    acme.task(acme.session())
    settle()
    with clock.held(clock.now() + timedelta(days=31)):
        (claim,) = acme.ada.claim()
        acme.ada.finish(claim, 0.99).ok()
        (seen,) = json.loads(run("--json", "replay", "--policy", "house", "--days", "7"))["outcomes"]
    assert (seen["was"], seen["would_be"], seen["count"]) == ("allow", "review", 1)
    with clock.held(clock.now() + timedelta(days=39)):
        assert json.loads(run("--json", "replay", "--policy", "house", "--days", "7"))["looked_at"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "--policy", "moon"), "policy"),
        (("show", "--policy", "0199c2a4-0000-7000-8000-000000000000"), "policy"),
        (("show", "--policy", "money", "--version", "9"), "version"),
    ],
)
def test_what_is_not_there_is_said(spent: Stage, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*words)
