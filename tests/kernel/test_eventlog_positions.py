"""Positions: nothing that commits late is skipped, and everything comes in order."""

import json
import threading
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings

from chimera.kernel import eventlog, tenancy
from chimera.kernel.errors import Refused
from chimera.kernel.eventlog import START, Position
from chimera.kernel.relay import chains, cursor
from chimera.kernel.relay.blockers import eventlog_blockers
from tests import cluster
from tests.kernel.log import TENANT, Writer, log, note, texts
from tests.processes.proc import until

pytestmark = pytest.mark.usefixtures("db")


def test_a_late_commit_is_delivered_in_position_order() -> None:
    with Writer() as slow, Writer() as quick:
        slow.note("began first")
        quick.note("began second").commit()
        assert log() == []
        slow.commit()
        assert texts(log()) == ["began first", "began second"]


def test_what_a_serial_cursor_would_have_lost_is_still_read() -> None:
    """The control: in order of arrival, the reader stands behind the late one when that commits."""
    with Writer() as slow, Writer() as quick:
        slow.note("late")
        quick.note("early").commit()
        with tenancy.system():
            arrived = list(eventlog.Event.objects.order_by("seq").values_list("seq", flat=True))
        slow.commit()
        with tenancy.system():
            lost = eventlog.Event.objects.filter(seq__lt=arrived[-1]).count()
        assert lost == 1
        assert texts(log()) == ["late", "early"]


def test_a_writer_that_gives_up_holds_nobody_back() -> None:
    with Writer() as quitter:
        quitter.note("never")
        note("after it")
        assert log() == []
        quitter.rollback()
        assert texts(log()) == ["after it"]


def test_a_batch_says_that_more_is_withheld() -> None:
    note("settled")
    with Writer() as slow:
        slow.note("pending")
        note("behind it")
        batch = cursor.next_batch("redis")
        assert (texts(batch.events), batch.withheld) == (["settled"], True)
        slow.commit()
    batch = cursor.next_batch("redis")
    assert (texts(batch.events), batch.withheld) == (["settled", "pending", "behind it"], False)


def test_eight_writers_and_one_reader_lose_nothing() -> None:
    """Each writer commits at its own pace, the first one with long pauses between writing and committing."""
    per_writer, seen = 40, []
    begun = threading.Barrier(9)
    others_are_done = threading.Event()

    def write(number: int) -> None:
        begun.wait()
        with Writer() as writer:
            for step in range(per_writer):
                writer.note(f"{number}-{step}")
                if number == 0 and step % 10 == 9:
                    others_are_done.wait(0.05)
                writer.commit()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    at = START

    def everything_is_read() -> bool:
        nonlocal at
        for event in log(after=at, limit=50):
            at = event.position
            seen.append(event)
        return len(seen) == 8 * per_writer

    until(everything_is_read, 30)
    others_are_done.set()
    for thread in threads:
        thread.join()
    assert [event.position for event in seen] == sorted(event.position for event in seen)
    for number in range(8):
        mine = [text for text in texts(seen) if text.startswith(f"{number}-")]
        assert mine == [f"{number}-{step}" for step in range(per_writer)]


def test_a_writer_idle_in_another_database_is_named_and_holds_the_log_back_until_its_timeout() -> None:
    elsewhere = psycopg.connect(cluster.postgres.urls.superuser, dbname="postgres", application_name="forgotten")
    try:
        elsewhere.execute("SET idle_in_transaction_session_timeout = '700ms'")
        elsewhere.commit()
        elsewhere.execute("SELECT pg_current_xact_id()")
        note("waits for a stranger")
        assert log() == []
        (blocker,) = eventlog_blockers(older_than_seconds=0)
        assert (blocker.pid, blocker.database, blocker.application) == (
            elsewhere.info.backend_pid,
            "postgres",
            "forgotten",
        )
        assert blocker.state == "idle in transaction"
        assert blocker.age_seconds is not None
        assert f"pid {blocker.pid}" in str(blocker)
        assert until(log, 5)
        assert eventlog_blockers(older_than_seconds=0) == []
    finally:
        elsewhere.close()


def test_a_dump_does_not_hold_the_log_back() -> None:
    """A reader with a snapshot, however old, has no transaction id."""
    with Writer() as reader:
        reader.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.connection.execute("SELECT count(*) FROM pg_class")
        note("told meanwhile")
        assert texts(log()) == ["told meanwhile"]


def test_every_role_of_ours_has_timeouts() -> None:
    with Writer() as writer:
        known = dict(
            writer.connection.execute(
                "SELECT rolname, array_to_string(setconfig, ' ') FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
            ).fetchall()
        )
    for role in ("chimera_app", "chimera_owner"):
        assert "idle_in_transaction_session_timeout" in known[role]
    assert "idle_in_transaction_session_timeout" in settings.DATABASES["default"]["OPTIONS"]["options"]


def test_previous_positions_are_those_of_the_same_session() -> None:
    one, other = uuid4(), uuid4()
    note("1", session=one)
    note("2", session=other)
    note("3", session=one)
    first, second, third = log()
    found = chains.positions_before({one: third.position, other: second.position})
    assert found == {one: first.position, other: START}


def test_a_bound_reader_sees_its_own_tenant_alone() -> None:
    note("ours")
    note("theirs", tenant=uuid4())
    with tenancy.bound(TENANT):
        assert texts(eventlog.read(START, limit=10)) == ["ours"]
    assert texts(log()) == ["ours", "theirs"]


@pytest.mark.parametrize("text", ["", "7", "-", "a-b", "1-2-3", "-1-2", "1-2 ", "٣-٤", "9" * 30 + "-1", f"{2**63}-1"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        Position.parse(text)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid_cursor")


def test_positions_read_as_they_are_written() -> None:
    assert Position.parse(str(Position(1042, 7))) == Position(1042, 7)


def test_a_fact_is_read_as_it_was_told_and_its_text_is_its_shape() -> None:
    text = 'ünïcode "quoted" \\ back\nnew \u2028 <tag>'
    note(text, session=uuid4())
    note(text)
    with Writer() as writer:
        writer.note(text).commit()
    for event in log():
        assert event.payload["text"] == text
        assert json.loads(event.text()) == event.shape()
