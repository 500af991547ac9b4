"""Memories at the console: what an agent keeps for itself is shown to people who name the agent; a task shows what its agents knew."""

from typing import Any

from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS

MEMORY, TASK = NOUNS["memory"], NOUNS["task"]
OWN = "The ferry captain snores."


def test_what_an_agent_keeps_for_itself_is_listed_where_the_agent_is_named(otto: Desk, acme: Stage) -> None:
    own = acme.ada.post("memories", {"content": OWN, "visibility": "agent"}).ok(201)["id"]
    acme.ada.post("memories", {"content": "The ferry calls at noon."}).ok(201)
    for hidden in ({}, {"q": "ferry"}, {"visibility__exact": "agent"}, {"standing": "all"}, {"agent": acme.bob.id}):
        assert OWN not in otto.get(MEMORY.list, **hidden).ok().text
    assert "calls at noon" in otto.get(MEMORY.list).ok().text
    assert OWN in otto.get(MEMORY.list, agent=acme.ada.id).ok().text
    assert OWN in otto.get(MEMORY.list, agent=acme.ada.id, q="snores").ok().text
    assert OWN in otto.get(MEMORY.one(own)).ok().text


def test_another_tenants_people_see_none_of_it(acme: Stage, zenith: Stage) -> None:
    own = acme.ada.post("memories", {"content": OWN, "visibility": "agent"}).ok(201)["id"]
    stranger = Desk(zenith.boss)
    assert OWN not in stranger.get(MEMORY.list, agent=acme.ada.id).text
    assert OWN not in stranger.get(MEMORY.one(own)).text


def test_a_task_shows_what_its_agents_knew_and_what_became_of_it(otto: Desk, acme: Stage, settle: Any) -> None:
    memory = acme.pia.post("memories", {"content": "The ferry calls at noon."}).ok(201)["id"]
    task = acme.task(acme.session())["id"]
    settle()
    assert "What its agents knew" not in otto.get(TASK.one(task)).ok().text
    (claim,) = acme.ada.claim()
    acme.ada.post("memories/search", {"query": "ferry", "task": task, "lease_token": claim["lease_token"]}).ok()
    page = otto.get(TASK.one(task)).ok().text
    assert "The ferry calls at noon." in page
    assert "version 1" in page
    assert "found by postgresql" in page
    assert "1 memory found, the best" in page, "in its timeline"
    acme.pia.post(f"memories/{memory}/supersede", {"content": "The ferry calls at one."}).ok(201)
    page = otto.get(TASK.one(task)).ok().text
    assert "changed since Since just now it says: The ferry calls at one." in page
