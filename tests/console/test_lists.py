"""Lists cost the same for five rows and for fifty, and count nothing; what agents write stays text."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.kernel import redis
from tests.cast import Stage
from tests.console.crowd import grow
from tests.console.desk import Desk
from tests.console.places import NOUNS

FRAME = 6  # session, account, memberships, the tenant, the sidebar's count, what stops act
OWN = {  # queries of a list beyond the frame: its page, the filters' choices, and what its rows need besides
    "card": 5,  # with how many are in its views, and what is new to whom
    "action": 1,
    "early": 1,
    "session": 3,
    "task": 2,
    "dead": 5,
    "campaign": 1,
    "schedule": 3,
    "agent": 2,
    "lock": 1,
    "limit": 2,
    "memory": 3,
    "erasure": 1,
    "persona": 1,
    "budget": 5,  # with what raises them
    "increase": 3,
    "transaction": 4,
    "policy": 2,  # with what those in shadow would have stopped
    "target": 1,
    "delivery": 2,
    "event": 3,
    "parked": 1,
    "tenant": 2,
    "member": 2,
}


def _asked(boss: Desk, path: str) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        boss.get(path).ok()
    return [q["sql"] for q in asked if not q["sql"].startswith(("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"))]


def test_a_list_asks_as_often_for_fifty_rows_as_for_five_and_never_counts(acme: Stage, boss: Desk) -> None:
    boss.get("/admin/")  # whatever is read once
    grow(acme, 1, 5)
    few = {name: _asked(boss, noun.list) for name, noun in NOUNS.items()}
    grow(acme, 6, 50)
    many = {name: _asked(boss, noun.list) for name, noun in NOUNS.items()}
    assert {name: len(found) for name, found in few.items()} == {name: len(found) for name, found in many.items()}
    assert {name: len(found) - FRAME for name, found in many.items()} == OWN
    counts = [sql for found in many.values() for sql in found if "COUNT(" in sql]
    bounded = ("subquery", "GROUP BY")  # the sidebar's, which stops at a hundred, and those for the page's own rows
    assert [sql for sql in counts if not any(word in sql for word in bounded)] == []


def test_the_whole_page_of_agents_is_asked_for_in_one_breath(acme: Stage, boss: Desk) -> None:
    grow(acme, 1, 40)
    before = _mgets()
    assert boss.get(NOUNS["agent"].list).ok().text.count("alive") >= 40
    assert _mgets() - before == 1


def _mgets() -> int:
    told = redis.client().info("commandstats")
    return int(told.get("cmdstat_mget", {}).get("calls", 0))  # type: ignore[union-attr]


def test_pages_follow_one_another_without_a_count(acme: Stage, otto: Desk) -> None:
    with acme.bound():
        from chimera.kernel.actors import SYSTEM
        from swarm.actions import campaigns

        for number in range(60):
            campaigns.create(name=f"campaign {number:02}", goal="a goal", context={}, by=SYSTEM)
    first, second = (otto.get(NOUNS["campaign"].list, p=str(page)).ok() for page in (1, 2))
    assert "campaign 59" in first.text
    assert "campaign 09" not in first.text
    assert "campaign 09" in second.text
    assert "campaign 00" in second.text


def test_what_agents_write_is_shown_as_text_never_as_markup(acme: Stage, boss: Desk, settle: object) -> None:
    evil = "<script>alert(1)</script>"
    session = acme.session(name=evil)
    task = acme.task(session, description=evil, type=evil, input_payload={evil: evil})
    paths = (
        NOUNS["session"].list,
        NOUNS["session"].one(session["id"]),
        NOUNS["task"].list,
        NOUNS["task"].one(task["id"]),
        NOUNS["event"].list,
        "/admin/",
    )
    for path in paths:
        html = boss.get(path).ok().html
        assert evil not in html, path
        assert "&lt;script&gt;alert(1)" in html or path == NOUNS["event"].list, path
