"""The dead-letter page: what failed and why, and many of them retried or dropped at once, each on its own."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg

from chimera.kernel.eventlog import Event
from swarm.models import Task
from tests import cluster
from tests.cast import Stage
from tests.console.desk import Desk, Page
from tests.console.places import NOUNS
from tests.scene import Scene
from tests.swarm.letters import failed, many, statuses

Settle = Callable[[], None]
LIST = NOUNS["dead"].list


def tick(desk: Desk, verb: str, ids: list[str], query: str = "", **more: str) -> Page:
    """As the box does that appears with the first tick, and then the page that asks."""
    said: dict[str, Any] = {"action": verb, "index": "0", "_selected_action": ids, "select_across": "0"}
    return desk.post(LIST + query, **said | {"confirmed": "1"} | more)


def all_that_match(desk: Desk, verb: str, query: str = "", **more: str) -> Page:
    return tick(desk, verb, ["all"], query, select_across="1", **more)


def test_a_dead_letter_shows_why_how_often_and_since_when(otto: Desk, scene: Scene) -> None:
    page = otto.get(LIST).ok()
    assert "Read the tide tables unreadable The table is a scanned picture. research worker" in page.text
    assert re.search(r"Harbour launch, first week 1/1 (just now|\d+ s ago)", page.text)
    assert "Write a post about the ferry" not in page.text


def test_one_is_dropped_with_a_reason_and_told(otto: Desk, acme: Stage, scene: Scene) -> None:
    page = otto.post(NOUNS["dead"].one(scene.failed, "drop"), reason="nobody needs it").ok()
    assert "otto@acme dropped research" in page.text
    assert page.buttons == set()
    with acme.bound():
        assert Event.objects.get(type="swarm.task.dropped.v1").payload["reason"] == "nobody needs it"
    assert "No task has failed for good." in otto.get(LIST).ok().text


def test_one_is_retried_and_its_page_shows_what_became_of_it(otto: Desk, scene: Scene) -> None:
    page = otto.post(NOUNS["dead"].one(scene.failed, "retry")).ok()
    assert "otto@acme retried research" in page.text
    assert "queued" in page.text
    assert page.buttons == set()


def test_filters_find_them_by_error_type_session_and_role(otto: Desk, acme: Stage) -> None:
    first, second = acme.session(name="first")["id"], acme.session(name="second")["id"]
    failed(acme, first, 1, code="unreadable", type="read", description="the minutes")
    failed(acme, second, 1, code="late", type="write", role="judge", description="the poster")
    for query in ({"code": "late"}, {"type": "write"}, {"session": second}, {"role__exact": "judge"}):
        page = otto.get(LIST, **query).ok()
        assert "the poster" in page.text, query
        assert "the minutes" not in page.text, query
    for words in ("late", "unreadable", "read", "write"):
        assert re.search(rf"=({words})\b", otto.get(LIST).html), words


def test_the_ticked_ones_are_retried_and_the_others_stay(otto: Desk, acme: Stage, settle: Settle) -> None:
    letters = failed(acme, acme.session()["id"], 4)
    page = tick(otto, "retry", letters[:3]).ok()
    assert re.search(r"otto@acme retried 3 dead letters at \d\d:\d\d UTC\.", page.text)
    settle()
    assert statuses(acme) == {"queued": 3, "failed": 1}
    with acme.bound():
        told = Event.objects.filter(type="swarm.task.requeued.v1")
        assert Counter(told.values_list("actor", flat=True)) == {f"person:{acme.otto.id}": 3}


def test_before_ticked_ones_are_dropped_a_page_asks_and_takes_the_reason(otto: Desk, acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 12, description="the minutes")
    ticked = {"action": "drop", "index": "0", "_selected_action": letters[:11], "select_across": "0"}
    page = otto.post(LIST + "?type=research", **ticked).ok()
    assert "Drop 11 dead letters?" in page.text
    assert page.text.count("the minutes") == 10
    assert statuses(acme) == {"failed": 12}
    said = dict(re.findall(r'name="(action|confirmed|index)" value="(\w+)"', page.html))
    ids = re.findall(r'name="_selected_action" value="([^"]+)"', page.html)
    assert sorted(ids) == sorted(letters[:11])
    assert f'action="{LIST}?type=research"' in page.html
    page = otto.post(LIST + "?type=research", reason="nobody needs it", _selected_action=ids, **said).ok()
    assert "otto@acme dropped 11 dead letters" in page.text
    assert statuses(acme) == {"cancelled": 11, "failed": 1}
    with acme.bound():
        told = Event.objects.filter(type="swarm.task.dropped.v1")
        assert {e.payload["reason"] for e in told} == {"nobody needs it"}


def test_a_retry_of_ticked_ones_is_done_at_once(otto: Desk, acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 2)
    ticked = {"action": "retry", "index": "0", "_selected_action": letters, "select_across": "0"}
    assert "otto@acme retried 2 dead letters" in otto.post(LIST, **ticked).ok().text


def test_all_that_match_are_dropped_with_what_waits_for_them(otto: Desk, acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    letters = failed(acme, session, 3, code="late")
    failed(acme, session, 2, code="unreadable")
    acme.task(session, depends_on=letters[:1])
    page = otto.get(LIST, code="late").ok()
    assert "Drop all 3 that match" in page.text
    assert page.html.count('name="_selected_action"') == 3 + 2  # a box for each, and one in each form above
    page = all_that_match(otto, "drop", "?code=late", reason="too late anyway").ok()
    assert "otto@acme dropped 3 dead letters" in page.text
    settle()
    assert statuses(acme) == {"cancelled": 4, "failed": 2}
    with acme.bound():
        told = Event.objects.filter(type="swarm.task.dropped.v1")
        assert {e.payload["reason"] for e in told} == {"too late anyway"}


def test_a_bound_is_kept_and_said(otto: Desk, acme: Stage, settings: Any) -> None:
    settings.BULK_TASKS_MAX = 2
    letters = failed(acme, acme.session()["id"], 3)
    assert "Retry the oldest 2 of more that match" in otto.get(LIST).ok().text
    page = all_that_match(otto, "retry").ok()
    assert "retried 2 dead letters" in page.text
    assert "There are more of them; do the same again for the next." in page.text
    assert acme.otto.get(f"tasks/{letters[2]}").ok()["status"] == "failed"


def test_what_cannot_be_retried_is_counted_with_its_reason_and_the_others_go_on(otto: Desk, acme: Stage) -> None:
    ended, going = acme.session()["id"], acme.session()["id"]
    failed(acme, ended, 2)
    failed(acme, going, 1)
    acme.otto.post(f"sessions/{ended}/stop", {"reason": "over"}).ok()
    page = all_that_match(otto, "retry").ok()
    assert "otto@acme retried 1 dead letter at" in page.text
    assert "2 were left as they are. 2 ×: The session is stopped; it takes no new tasks." in page.text


def test_one_that_somebody_holds_does_not_hold_up_the_others(otto: Desk, acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 3)
    with psycopg.connect(cluster.postgres.urls.superuser) as elsewhere:
        elsewhere.execute("SELECT 1 FROM swarm_task WHERE id = %s FOR UPDATE", [letters[0]])
        page = tick(otto, "drop", letters).ok()
    assert "dropped 2 dead letters" in page.text
    assert "1 were left as they are. 1 ×: Somebody else is at the same thing right now" in page.text
    assert statuses(acme) == {"cancelled": 2, "failed": 1}


def test_what_was_ticked_and_is_dead_no_more_is_left_alone(otto: Desk, acme: Stage) -> None:
    session = acme.session()["id"]
    (letter,) = failed(acme, session, 1)
    (pending,) = many(acme, session, 1)
    acme.otto.post(f"tasks/{letter}/retry").ok()
    page = tick(otto, "drop", [letter, pending, str(uuid4())]).ok()
    assert "None of them is a dead letter any more; nothing was done." in page.text
    assert statuses(acme) == {"queued": 1, "pending": 1}


def test_another_tenants_dead_letters_are_out_of_reach(acme: Stage, zenith: Stage) -> None:
    theirs = failed(acme, acme.session()["id"], 2)
    stranger = Desk(zenith.boss)
    assert "No task has failed for good." in stranger.get(LIST).ok().text
    tick(stranger, "drop", theirs).ok()
    all_that_match(stranger, "drop").ok()
    assert statuses(acme) == {"failed": 2}


def test_an_auditor_looks_and_is_offered_nothing(acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 1)
    anna = Desk(acme.anna)
    page = anna.get(LIST).ok()
    assert "that match" not in page.text
    assert 'name="_selected_action"' not in page.html
    for page in (tick(anna, "drop", letters), all_that_match(anna, "retry")):
        assert page.status == 403
    assert statuses(acme) == {"failed": 1}


def test_a_list_is_not_changed_by_nonsense_or_without_a_token(otto: Desk, acme: Stage) -> None:
    letters = failed(acme, acme.session()["id"], 1)
    assert tick(otto, "delete", letters).status == 422
    assert tick(otto, "drop", ["nonsense"]).status == 422
    assert tick(otto, "drop", letters, reason="x" * 3_000).status == 422
    assert otto.post(LIST).status == 422
    asked = {"action": "drop", "index": "0", "_selected_action": letters}
    assert otto.post(LIST, csrf=False, **asked).status == 403
    assert statuses(acme) == {"failed": 1}
    with acme.bound():
        assert Task.objects.get().error["code"] == "unreadable"
