"""Who sees what: everybody's memories, a session's, and an agent's own."""

from collections.abc import Sequence
from typing import Any

import pytest

from chimera.kernel import clock
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.memory.conftest import Ask, Remember, texts


@pytest.fixture
def kept(acme: Stage, remember: Remember, settle: Any) -> dict[str, Any]:
    """Three memories of Ada about the same thing, embedded."""
    session = acme.session()
    made = {
        "session": session["id"],
        "everybody": remember(acme.ada, "ferry for everybody")["id"],
        "session_memory": remember(acme.ada, "ferry for the session", session=session["id"], visibility="session")[
            "id"
        ],
        "own": remember(acme.ada, "ferry for Ada alone", visibility="agent")["id"],
    }
    settle()
    return made


def listed(who: Caller, **filters: str) -> set[str]:
    return {m["content"] for m in who.get("memories", **filters).ok()["results"]}


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_a_search_finds_what_the_caller_may_see(acme: Stage, kept: dict[str, Any], ask: Ask, mode: str) -> None:
    for stranger in (acme.bob, acme.otto):
        assert texts(ask(stranger, "ferry", mode=mode)) == ["ferry for everybody"]
    assert texts(ask(acme.otto, "ferry", mode=mode, session=kept["session"])) == ["ferry for the session"]
    assert set(texts(ask(acme.ada, "ferry", mode=mode))) == {
        "ferry for everybody",
        "ferry for the session",
        "ferry for Ada alone",
    }


def test_who_works_in_a_session_finds_what_is_kept_for_it(
    acme: Stage, kept: dict[str, Any], ask: Ask, settle: Any
) -> None:
    claim = works_in(acme, kept["session"], settle)
    assert set(texts(ask(acme.bob, "ferry"))) == listed(acme.bob) == {"ferry for everybody", "ferry for the session"}
    assert texts(ask(acme.bob, "ferry", session=kept["session"])) == ["ferry for the session"]
    acme.bob.get(f"memories/{kept['session_memory']}").ok()
    acme.bob.finish(claim).ok()
    sees_nothing_of_it(acme, kept, ask)


def test_who_works_in_another_session_does_not(acme: Stage, kept: dict[str, Any], ask: Ask, settle: Any) -> None:
    works_in(acme, acme.session()["id"], settle)
    sees_nothing_of_it(acme, kept, ask)


def test_a_lapsed_lease_opens_no_session(acme: Stage, kept: dict[str, Any], ask: Ask, settle: Any) -> None:
    claim = works_in(acme, kept["session"], settle)
    with acme.bound():
        Task.objects.filter(pk=claim["task"]["id"]).update(lease_expires_at=clock.now())
    sees_nothing_of_it(acme, kept, ask)


def test_naming_a_session_opens_it_to_no_agent(acme: Stage, kept: dict[str, Any], ask: Ask, remember: Remember) -> None:
    """The session is a filter: of one that is not theirs agents find what everybody may see."""
    remember(acme.ada, "ferry timetable", session=kept["session"])
    sees_nothing_of_it(acme, kept, ask, named=["ferry timetable"])


def works_in(acme: Stage, session: str, settle: Any) -> dict[str, Any]:
    acme.task(session)
    settle()
    (claim,) = acme.bob.claim()
    return claim


def sees_nothing_of_it(acme: Stage, kept: dict[str, Any], ask: Ask, named: Sequence[str] = ()) -> None:
    """Bob, whatever he asks; naming the session he finds `named`."""
    hidden = "ferry for the session"
    assert hidden not in texts(ask(acme.bob, "ferry"))
    assert hidden not in listed(acme.bob)
    assert texts(ask(acme.bob, "ferry", mode="keyword", session=kept["session"])) == list(named)
    assert listed(acme.bob, session=kept["session"]) == set(named)
    one = f"memories/{kept['session_memory']}"
    for naming, refusal in (("", (404, "not_found")), (f"?session={kept['session']}", (422, "unknown_parameter"))):
        acme.bob.get(one + naming).refused(*refusal)
        acme.bob.post(f"{one}/supersede{naming}", {"content": "x"}).refused(*refusal)
        acme.bob.post(f"{one}/forget{naming}", {"reason": "x"}).refused(*refusal)


def test_lists_show_the_same(acme: Stage, kept: dict[str, Any]) -> None:
    assert listed(acme.bob) == {"ferry for everybody"}
    assert listed(acme.bob, session=kept["session"]) == set()
    assert listed(acme.otto) == {"ferry for everybody"}
    assert listed(acme.otto, session=kept["session"]) == {"ferry for the session"}
    assert listed(acme.ada) == {"ferry for everybody", "ferry for the session", "ferry for Ada alone"}
    assert "ferry for Ada alone" not in listed(acme.boss)


def test_people_read_what_is_kept_for_a_session(acme: Stage, kept: dict[str, Any]) -> None:
    acme.otto.get(f"memories/{kept['session_memory']}").ok()
    acme.otto.post(f"memories/{kept['session_memory']}/supersede", {"content": "x"}).ok(201)


def test_an_agents_own_memory_is_seen_and_changed_by_no_other_agent(acme: Stage, kept: dict[str, Any]) -> None:
    for other in (acme.bob, acme.pia, acme.jude):
        other.get(f"memories/{kept['own']}").refused(404, "not_found")
        other.post(f"memories/{kept['own']}/supersede", {"content": "x"}).refused(404, "not_found")
        other.post(f"memories/{kept['own']}/forget", {"reason": "x"}).refused(404, "not_found")
    acme.ada.get(f"memories/{kept['own']}").ok()
    acme.ada.post(f"memories/{kept['own']}/forget", {"reason": "x"}).ok()


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_people_find_what_an_agent_keeps_for_itself_when_they_name_the_agent(
    acme: Stage, kept: dict[str, Any], ask: Ask, mode: str
) -> None:
    own = "ferry for Ada alone"
    for person in (acme.otto, acme.rita, acme.boss):
        assert own not in texts(ask(person, "ferry", mode=mode))
        assert own not in texts(ask(person, "ferry", mode=mode, session=kept["session"]))
        assert own in texts(ask(person, "ferry", mode=mode, agent=acme.ada.id))
        assert own not in texts(ask(person, "ferry", mode=mode, agent=acme.bob.id))
    assert own in listed(acme.otto, agent=acme.ada.id)


def test_naming_an_agent_opens_nothing_to_another(acme: Stage, kept: dict[str, Any], ask: Ask) -> None:
    for other in (acme.bob, acme.pia, acme.jude):
        assert texts(ask(other, "ferry", agent=acme.ada.id)) == ["ferry for everybody"]
        assert listed(other, agent=acme.ada.id) == {"ferry for everybody"}


def test_people_read_correct_and_forget_what_an_agent_keeps_for_itself(
    acme: Stage, kept: dict[str, Any], ask: Ask
) -> None:
    acme.rita.get(f"memories/{kept['own']}").ok()
    corrected = acme.otto.post(f"memories/{kept['own']}/supersede", {"content": "ferry for Ada, corrected"}).ok(201)
    assert (corrected["visibility"], corrected["agent"]) == ("agent", acme.ada.id), "it stays hers"
    assert "ferry for Ada, corrected" in texts(ask(acme.ada, "ferry", mode="keyword"))
    acme.bob.get(f"memories/{corrected['id']}").refused(404, "not_found")
    acme.otto.post(f"memories/{corrected['id']}/forget", {"reason": "x"}).ok()


def test_a_session_or_agent_that_is_not_the_tenants_is_not_found(
    acme: Stage, zenith: Stage, kept: dict[str, Any]
) -> None:
    for who in (acme.ada, acme.otto):
        for named in ({"session": zenith.session()["id"]}, {"agent": zenith.ada.id}):
            said = who.post("memories/search", {"query": "ferry", **named}).refused(404, "not_found")
            assert next(iter(named)) in said["detail"]
