"""Who sees what: everybody's memories, a session's, and an agent's own."""

from typing import Any

import pytest

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
        assert texts(ask(stranger, "ferry", mode=mode, session=kept["session"])) == ["ferry for the session"]
    assert set(texts(ask(acme.ada, "ferry", mode=mode))) == {
        "ferry for everybody",
        "ferry for the session",
        "ferry for Ada alone",
    }


def test_who_works_in_a_session_finds_what_is_kept_for_it(
    acme: Stage, kept: dict[str, Any], ask: Ask, settle: Any
) -> None:
    acme.task(kept["session"])
    settle()
    assert acme.bob.claim()
    assert set(texts(ask(acme.bob, "ferry"))) == {"ferry for everybody", "ferry for the session"}


def test_who_works_in_another_session_does_not(acme: Stage, kept: dict[str, Any], ask: Ask, settle: Any) -> None:
    acme.task(acme.session())
    settle()
    assert acme.bob.claim()
    assert texts(ask(acme.bob, "ferry")) == ["ferry for everybody"]


def test_lists_show_the_same(acme: Stage, kept: dict[str, Any]) -> None:
    assert listed(acme.bob) == {"ferry for everybody"}
    assert listed(acme.bob, session=kept["session"]) == {"ferry for the session"}
    assert listed(acme.ada) == {"ferry for everybody", "ferry for the session", "ferry for Ada alone"}
    assert "ferry for Ada alone" not in listed(acme.boss)


def test_an_agent_reads_a_sessions_memory_when_it_names_the_session(acme: Stage, kept: dict[str, Any]) -> None:
    acme.bob.get(f"memories/{kept['session_memory']}").refused(404, "not_found")
    acme.bob.get(f"memories/{kept['session_memory']}", session=acme.session()["id"]).refused(404, "not_found")
    acme.bob.get(f"memories/{kept['session_memory']}", session=kept["session"]).ok()
    acme.otto.get(f"memories/{kept['session_memory']}").ok()


def test_an_agents_own_memory_is_seen_and_changed_by_nobody_else(acme: Stage, kept: dict[str, Any]) -> None:
    for other in (acme.bob, acme.boss):
        other.get(f"memories/{kept['own']}").refused(404, "not_found")
        other.post(f"memories/{kept['own']}/supersede", {"content": "x"}).refused(404, "not_found")
        other.post(f"memories/{kept['own']}/forget", {"reason": "x"}).refused(404, "not_found")
    acme.ada.get(f"memories/{kept['own']}").ok()
    acme.ada.post(f"memories/{kept['own']}/forget", {"reason": "x"}).ok()
