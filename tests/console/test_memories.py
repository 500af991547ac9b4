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


def test_what_is_remembered_about_somebody_is_listed_together(otto: Desk, acme: Stage) -> None:
    for content, subject in (("Prefers the window.", "customer-7"), ("Never takes the ferry.", "customer-70")):
        acme.ada.post("memories", {"content": content, "subject": subject}).ok(201)
    secret = {"content": "Owes Ada a tea.", "subject": "customer-7", "visibility": "agent"}
    acme.ada.post("memories", secret).ok(201)
    found = otto.get(MEMORY.list, subject="customer-7", standing="all").ok()
    assert "Prefers the window." in found.text
    assert "Never takes the ferry." not in found.text, "letter by letter, and no beginning of it"
    assert "Owes Ada a tea." not in found.text, "what an agent keeps for itself stands where the agent is named"
    assert "Owes Ada a tea." in otto.get(MEMORY.list, subject=" customer-7 ", agent=acme.ada.id).ok().text
    assert 'name="standing" value="all"' in found.html, "what was chosen before is kept"
    assert "Nothing is remembered yet." not in otto.get(MEMORY.list, subject="").ok().text
    for unknown in ("nobody", "x" * 500, "'); --"):
        assert "Prefers the window." not in otto.get(MEMORY.list, subject=unknown).ok().text


def test_a_memory_leads_to_what_else_is_known_of_its_subject(otto: Desk, acme: Stage) -> None:
    about = {"content": "Prefers the window.", "subject": "a&b <c>"}
    page = otto.get(MEMORY.one(acme.ada.post("memories", about).ok(201)["id"])).ok()
    assert 'href="/admin/memory/memoryrecord/?subject=a%26b+%3Cc%3E"' in page.html
    assert "a&b <c>" in page.text


def test_what_was_said_again_is_listed_by_how_often(otto: Desk, acme: Stage) -> None:
    acme.ada.post("memories", {"content": "The ferry calls at noon."}).ok(201)
    for number in range(1, 5):
        often = {"content": "The tide gate opens at dawn.", "source": {"file": f"note-{number}.md"}}
        memory = acme.ada.post("memories", often).ok(201 if number == 1 else 200)["id"]
    for said in ("2", "5", "10", "7", "two"):
        assert "calls at noon" not in otto.get(MEMORY.list, said=said).ok().text
    for said, listed in (("", True), ("2", True), ("5", False), ("7", False)):
        assert ("opens at dawn" in otto.get(MEMORY.list, said=said).ok().text) is listed
    assert "4×" in otto.get(MEMORY.list, said="2").text
    assert "4 times" in otto.get(MEMORY.one(memory)).ok().text


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
