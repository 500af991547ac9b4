"""A task that waits says for whom, and first of all for those that have failed, for which it waits in vain."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.kernel import clock
from swarm import queries
from swarm.models import Task
from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.plans import PLANNED, rows_read
from tests.swarm.letters import failed, many
from tests.swarm.trees import children, depend

NUMBER = 1_000


def waiting_for(stage: Stage, task: str) -> list[tuple[str, str]]:
    said = stage.pia.get(f"tasks/{task}").ok()
    (listed,) = [row for row in stage.pia.get("tasks", limit=100).ok()["results"] if row["id"] == task]
    assert listed["waiting_for"] == said["waiting_for"]
    return [(each["task"], each["status"]) for each in said["waiting_for"]]


def test_a_task_names_those_that_it_waits_for_and_how_they_stand(acme: Stage) -> None:
    session = acme.session()["id"]
    done, going = many(acme, session, 2)
    (letter,) = failed(acme, session, 1)
    made = acme.task(session, depends_on=[done, going, letter])
    assert [each["task"] for each in made["waiting_for"]] == [letter, done, going]
    with acme.bound():
        Task.objects.filter(pk=done).update(status="completed", completed_at=clock.now())
    assert waiting_for(acme, made["id"]) == [(letter, "failed"), (going, "pending")]
    acme.otto.post(f"tasks/{letter}/retry").ok()
    assert waiting_for(acme, made["id"]) == [(going, "pending"), (letter, "queued")]


def test_what_waits_for_nobody_names_nobody(acme: Stage) -> None:
    session = acme.session()["id"]
    assert acme.task(session)["waiting_for"] == []
    (letter,) = failed(acme, session, 1)
    waits = acme.task(session, depends_on=[letter])["id"]
    cancelled = acme.otto.post(f"tasks/{waits}/cancel").ok()
    assert (cancelled["waiting_for"], cancelled["depends_on"]) == ([], [letter])


def test_a_few_are_named_of_many_and_the_failed_one_among_them(acme: Stage) -> None:
    session = acme.session()["id"]
    parent = acme.task(session)["id"]
    many(acme, session, 60, parent_task=parent)
    failed(acme, session, 1, parent_task=parent)
    join = acme.task(session, depends_on_children_of=parent)
    assert [each["status"] for each in join["waiting_for"]] == ["failed", *["pending"] * 4]
    assert join["depends_on_count"] == 61


@pytest.mark.parametrize("number", [1, 12])
def test_a_page_of_those_that_wait_costs_one_query_however_many_they_are(acme: Stage, number: int) -> None:
    session = acme.session()["id"]
    (letter,) = failed(acme, session, 1)
    many(acme, session, number, depends_on=[letter])
    with CaptureQueriesContext(connection) as asked:
        page: list[dict[str, Any]] = acme.pia.get("tasks", status="pending").ok()["results"]
    assert [row["waiting_for"] for row in page] == [[{"task": letter, "status": "failed"}]] * number
    assert sum("unmet" in query["sql"] for query in asked.captured_queries) == 1


def test_a_page_without_any_costs_none(acme: Stage) -> None:
    acme.task(acme.session())
    with CaptureQueriesContext(connection) as asked:
        acme.pia.get("tasks").ok()
    assert not [query for query in asked.captured_queries if "unmet" in query["sql"]]


def test_the_last_of_thousands_is_found_by_index(acme: Stage) -> None:
    session = acme.session()["id"]
    (join,) = many(acme, session, 1)
    children(acme, session, NUMBER)  # others, that are not to be read
    awaited = children(acme, session, NUMBER, status="completed")
    (letter,) = children(acme, session, 1, status="failed")
    depend(acme, join, [*awaited, letter])
    (found,) = acme.pia.get(f"tasks/{join}").ok()["waiting_for"]
    assert found == {"task": str(letter), "status": "failed"}
    with acme.bound(), connection.cursor() as cursor:
        said = {"met": "completed", "first": "failed", "look": queries.UNMET_LOOKED_AT_MAX, "most": 5}
        cursor.execute(PLANNED + queries._UNMET, said | {"tasks": [join]})
        ((plan,),) = cursor.fetchall()
    assert rows_read(plan[0]["Plan"]) <= 2 * NUMBER + 20  # the edge and the task, each once


def test_the_console_says_that_a_task_waits_in_vain(acme: Stage) -> None:
    session = acme.session()["id"]
    going = acme.task(session, description="read the tables")["id"]
    (letter,) = failed(acme, session, 1, description="read the minutes")
    waits = acme.task(session, depends_on=[going, letter])["id"]
    otto = Desk(acme.otto)
    page = otto.get(NOUNS["task"].one(waits)).ok().text
    assert "It waits for a task that has failed" in page
    assert "read the minutes failed read the tables pending" in page
    acme.otto.post(f"tasks/{letter}/retry").ok()
    assert "that has failed" not in otto.get(NOUNS["task"].one(waits)).ok().text
