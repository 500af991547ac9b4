"""One look tells a lane all: what follows its cursor, of its types, settled; and nothing is passed by unseen."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from chimera.kernel import relay, tenancy
from chimera.kernel.eventlog import START
from chimera.kernel.loop import Stop
from chimera.kernel.relay import cursor, direct, slow_lane
from chimera.kernel.relay.cursor import Looked
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.slow_lane import SlowLane
from chimera.kernel.relay.tables import Lane
from tests import cluster
from tests.kernel.log import Noted, Shouted, Writer, drain, log, note, registered, texts
from tests.processes.proc import until

pytestmark = pytest.mark.usefixtures("db")
NOTED = [Noted.full_type()]


def at(lane: str = "diary") -> Any:
    with tenancy.system():
        return Lane.objects.get(pk=lane).position


def diary(seen: list[str]) -> dict[Any, Any]:
    return {Noted: [relay.slow("diary", lambda event: seen.append(event.payload["text"]))]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements that went over direct connections."""
    said: list[str] = []
    ask: Callable[..., Any] = direct.Direct.ask

    def listened(self: Any, sql: str, params: Any = None) -> Any:
        said.append(sql)
        return ask(self, sql, params)

    monkeypatch.setattr(direct.Direct, "ask", listened)
    return said


def test_a_look_finds_the_facts_of_its_types_and_ends_behind_the_others() -> None:
    note("a")
    note("b", fact=Shouted)
    note("c")
    note("d", fact=Shouted)
    batch = cursor.next_batch("diary", types=NOTED)
    assert texts(batch.events) == ["a", "c"]
    assert (batch.start, batch.begin, batch.end) == (START, START, log()[-1].position)
    assert (batch.is_cut, batch.withheld, batch.retrying) == (False, False, False)


def test_a_look_ends_before_what_is_withheld_whosever_it_is() -> None:
    note("a")
    with Writer() as slow:
        slow.note("late")
        note("behind it", fact=Shouted)
        batch = cursor.next_batch("diary", types=NOTED)
        assert (texts(batch.events), batch.end, batch.withheld) == (["a"], batch.events[-1].position, False)
        note("mine, behind it")
        assert cursor.next_batch("diary", types=NOTED).withheld
        slow.commit()
    assert texts(cursor.next_batch("diary", types=NOTED).events) == ["a", "late", "mine, behind it"]


def test_a_slow_lane_misses_nothing_that_commits_late_while_others_facts_pass_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_lane, "PASS_BY_SECONDS", 0.0)
    seen: list[str] = []
    lane = SlowLane("diary", Stop())
    with registered(diary(seen)), Writer() as slow:
        note("early", fact=Shouted)
        slow.note("late")
        note("behind it", fact=Shouted)
        assert lane.step() is Pace.IDLE
        note("mine")
        assert lane.step() is Pace.WITHHELD
        slow.commit()
        drain(lane)
    assert seen == ["late", "mine"]
    assert at() == log()[-1].position


def test_what_is_none_of_its_business_is_looked_at_once_and_recorded_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    lane = SlowLane("diary", Stop())
    with registered(diary(seen)):
        note("1", fact=Shouted)
        lane.step()
        first = at()
        assert first == log()[-1].position
        note("2", fact=Shouted)
        lane.step()
        note("3", fact=Shouted)
        lane.step()
        assert at() == first
        note("mine")
        drain(lane)
        assert (seen, at()) == (["mine"], log()[-1].position)
        note("4", fact=Shouted)
        monkeypatch.setattr(slow_lane, "PASS_BY_SECONDS", 0.0)
        lane.step()
    assert at() == log()[-1].position


def test_what_was_looked_at_holds_only_while_the_cursor_stays() -> None:
    note("a", "b")
    first, second = (event.position for event in log())
    assert cursor.next_batch("diary", types=NOTED, looked=Looked(START, second)).events == []
    cursor.move("diary", frm=START, to=first)
    assert texts(cursor.next_batch("diary", types=NOTED, looked=Looked(START, second)).events) == ["b"]


def test_a_lane_far_behind_looks_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "LOOK_MAX", 3)
    for number in range(7):
        note(str(number), fact=Shouted)
    note("mine")
    seen: list[str] = []
    batch = cursor.next_batch("diary", types=NOTED)
    assert (batch.events, batch.is_cut, batch.end) == ([], True, log()[2].position)
    with registered(diary(seen)):
        drain(SlowLane("diary", Stop()))
    assert seen == ["mine"]


def test_a_batch_that_is_full_ends_at_its_last_fact(settings: Any) -> None:
    settings.RELAY_BATCH = 2
    note("a", "b", "c")
    note("d", fact=Shouted)
    batch = cursor.next_batch("diary", types=NOTED)
    assert (texts(batch.events), batch.is_cut, batch.end) == (["a", "b"], True, log()[1].position)
    seen: list[str] = []
    with registered(diary(seen)):
        drain(SlowLane("diary", Stop()))
    assert seen == ["a", "b", "c"]


def test_a_move_and_the_next_look_are_one_statement(asked: list[str]) -> None:
    note("a", "b")
    first, second = (event.position for event in log())
    cursor.next_batch("diary")
    asked.clear()
    batch = cursor.move_on("diary", frm=START, to=first)
    assert (texts(batch.events), batch.start, batch.end) == (["b"], first, second)
    assert len(asked) == 1
    with pytest.raises(cursor.Fenced):
        cursor.move_on("diary", frm=START, to=second)
    assert at() == first


def test_a_step_without_work_is_one_statement(asked: list[str]) -> None:
    lane = SlowLane("diary", Stop())
    with registered(diary([])):
        note("others", fact=Shouted)
        drain(lane)
        note("others", fact=Shouted)
        asked.clear()
        lane.step()
    assert len(asked) == 1


def test_a_look_scans_no_month() -> None:
    """Whatever the tables' statistics say: a plan that was made while a month was empty serves when it is full."""
    cursor.next_batch("diary")
    connection = direct._of_thread.direct._connection
    params = cursor._params("diary", NOTED, None)
    plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + cursor._READ, params).fetchall())
    assert "Seq Scan on kernel_event" not in plan
    assert plan.count("Index Scan using kernel_event_") >= 12


def test_a_direct_connection_that_was_cut_is_replaced_and_a_refused_statement_is_not_repeated() -> None:
    (mine,) = direct.ask("SELECT pg_backend_pid()")[0]
    with pytest.raises(psycopg.errors.DivisionByZero):
        direct.ask("SELECT 1 / 0")
    assert direct.ask("SELECT pg_backend_pid(), current_user::text") == [(mine, "chimera_system")]
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 2000)", [mine])
        gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
        until(lambda: connection.execute(gone, [mine]).fetchone() == (0,), 5)
    assert direct.ask("SELECT current_user::text") == [("chimera_system",)]
    assert direct.ask("SELECT pg_backend_pid()") != [(mine,)]
