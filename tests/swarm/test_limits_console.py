"""Concurrency limits at the console: what runs under each, and the verbs that operators walk."""

from collections.abc import Callable
from typing import Any

import pytest

from chimera.kernel.eventlog import Event
from swarm.models import ConcurrencyLimit
from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS

Settle = Callable[[], None]
LIMITS = NOUNS["limit"]
NEW = f"{LIMITS.list}new/"


@pytest.fixture
def otto(acme: Stage) -> Desk:
    return Desk(acme.otto)


def set_limit(stage: Stage, running_max: int, scope: str, value: str = "") -> str:
    body = {"scope": scope, "value": value, "running_max": running_max}
    return str(stage.otto.post("concurrency-limits", body).ok(201)["id"])


def test_the_list_says_how_many_run_under_each_now(acme: Stage, zenith: Stage, otto: Desk, settle: Settle) -> None:
    for running_max, scope, value in ((9, "tenant", ""), (0, "role", "judge"), (5, "key", "")):
        set_limit(acme, running_max, scope, value)
    set_limit(acme, 2, "key", "printer")
    set_limit(zenith, 7, "key", "theirs")
    session = acme.session()
    for more in ({"concurrency_key": "printer"}, {"concurrency_key": "printer"}, {}, {"concurrency_key": "scanner"}):
        acme.task(session, **more)
    settle()
    assert len(acme.ada.claim(8)) == 4
    set_limit(acme, 3, "role", "worker")  # takes nothing from those that run
    text = otto.get(LIMITS.list).ok().text
    for words in (
        "All tasks 4 of 9 room",
        "Role worker 4 of 3 full",
        "Role judge 0 of 0 closed",
        "Every other key 5 of each room",
        "Key printer 2 of 2 full",
    ):
        assert words in text, (words, text)
    assert "theirs" not in text


def test_an_operator_sets_changes_and_removes_one_and_claims_keep_it(acme: Stage, otto: Desk, settle: Settle) -> None:
    page = otto.post(NEW, scope="role", value="worker", running_max="1").ok()
    assert "otto@acme set a limit of 1 of role worker" in page.text
    assert page.buttons == {"change", "remove"}
    session = acme.session()
    for _ in range(4):
        acme.task(session)
    settle()
    assert len(acme.ada.claim(4)) == 1
    with acme.bound():
        limit = ConcurrencyLimit.objects.get()
    page = otto.post(LIMITS.one(limit.pk, "change"), running_max="2").ok()
    assert "1 of 2" in page.text
    assert len(acme.ada.claim(4)) == 1
    page = otto.post(LIMITS.one(limit.pk, "remove")).ok()
    assert "otto@acme removed the limit" in page.text
    assert "No limit yet" in page.text
    assert otto.get(LIMITS.one(limit.pk)).status == 404
    assert len(acme.ada.claim(4)) == 2
    with acme.bound():
        told = Event.objects.filter(aggregate_id=limit.pk).order_by("xid", "seq").values_list("type", "actor")
        person = f"person:{acme.otto.id}"
        assert list(told) == [(f"swarm.limit.{what}.v1", person) for what in ("set", "set", "removed")]


def test_a_limit_that_cannot_be_is_refused_at_its_field(acme: Stage, otto: Desk) -> None:
    set_limit(acme, 2, "tenant")
    refusals: tuple[tuple[dict[str, Any], str], ...] = (
        ({"scope": "tenant", "running_max": "3"}, "There is a limit for this already; change it."),
        ({"scope": "tenant", "value": "all", "running_max": "3"}, "The tenant's own limit has no `value`."),
        ({"scope": "role", "value": "reviewer", "running_max": "3"}, "`value` must be one of"),
        ({"scope": "key", "value": "k", "running_max": "-1"}, "greater than or equal to 0"),
        ({"scope": "key", "value": "k", "running_max": "1000001"}, "less than or equal to 1000000"),
        ({"scope": "key", "value": "k", "running_max": "many"}, "Enter a whole number."),
        ({"scope": "key", "value": "k"}, "This field is required."),
        ({"scope": "moon", "value": "k", "running_max": "1"}, "Select a valid choice."),
    )
    for said, sentence in refusals:
        page = otto.post(NEW, **said)
        assert page.status in {409, 422}, said
        assert sentence in page.text, (said, page.text[-600:])
    with acme.bound():
        assert ConcurrencyLimit.objects.count() == 1


def test_auditors_look_and_reviewers_do_not(acme: Stage) -> None:
    anna, rita = Desk(acme.anna), Desk(acme.rita)
    assert "New limit" not in anna.get(LIMITS.list).ok().html
    for desk in (anna, rita):
        assert desk.get(NEW).status == 403
        assert desk.post(NEW, scope="tenant", running_max="1").status == 403
    assert "New limit" in Desk(acme.boss).get(LIMITS.list).ok().html


def test_two_who_remove_the_same_one_are_both_answered(acme: Stage, otto: Desk) -> None:
    limit = set_limit(acme, 1, "tenant")
    acme.otto.post(f"concurrency-limits/{limit}/remove").ok()
    assert otto.post(LIMITS.one(limit, "remove")).status == 404
