"""A slow lane: event by event, outside any transaction; what keeps failing is parked, shown and retried."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from chimera.kernel import relay, tenancy
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.errors import Stale
from chimera.kernel.eventlog import START
from chimera.kernel.loop import Stop
from chimera.kernel.relay import direct, slow_lane
from chimera.kernel.relay.slow_lane import SlowLane, is_outage
from chimera.kernel.relay.tables import Lane, ParkedEvent, ParkedStatus
from tests.kernel.log import TENANT, Noted, Shouted, drain, log, note, registered

pytestmark = pytest.mark.usefixtures("db")
RITA = Actor.person(1, "rita")


class Diary:
    """A reaction that remembers, and fails for the texts it is told to."""

    def __init__(self, *broken: str) -> None:
        self.broken, self.seen, self.in_transaction = set(broken), [], []

    def __call__(self, event: Any) -> None:
        self.in_transaction.append(connection.in_atomic_block)
        self.seen.append(event.payload["text"])
        if event.payload["text"] in self.broken:
            raise ValueError(f"cannot write {event.payload['text']}\x00")

    def table(self) -> Any:
        return {Noted: [relay.slow("diary", self)]}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_lane, "PAUSES_SECONDS", (0.0, 0.0, 0.0))


def lane() -> SlowLane:
    return SlowLane("diary", Stop())


def at() -> Any:
    with tenancy.system():
        return Lane.objects.get(pk="diary").position


def parked() -> list[ParkedEvent]:
    with tenancy.system():
        return list(ParkedEvent.objects.order_by("xid", "seq"))


def retry(row: ParkedEvent) -> None:
    with tenancy.bound(TENANT):
        relay.retry_parked(parked=ParkedEvent.objects.get(pk=row.pk), by=RITA)


def test_each_event_of_its_types_is_handled_once_in_order_outside_any_transaction() -> None:
    diary = Diary()
    note("a", "b")
    note("not mine", fact=Shouted)
    note("c")
    with registered(diary.table()):
        drain(lane())
        drain(lane())
    assert (diary.seen, diary.in_transaction) == (["a", "b", "c"], [False] * 3)
    assert at() == log()[-1].position


def test_what_no_reaction_wants_is_passed_by_in_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_lane, "PASS_BY_SECONDS", 3600.0)
    diary = Diary()
    mine = lane()
    with registered({Noted: [relay.slow("diary", diary, unless={"text": "dull"})]}):
        note("a", "dull")
        drain(mine)
        before = at()
        note(*["dull"] * 40)
        with asked() as statements:
            mine.step()
        assert (diary.seen, len(statements), at()) == (["a"], 1, before)
        note("b")
        drain(mine)
    assert (diary.seen, at()) == (["a", "b"], log()[-1].position)


def test_what_a_reaction_says_it_does_not_want_is_all_of_it() -> None:
    diary = Diary()
    table = {Noted: [relay.slow("diary", diary, unless={"text": "dull", "session_id": None})]}
    with registered(table):
        note("dull")
        note("dull", session=uuid4())
        note("lively")
        drain(lane())
    assert diary.seen == ["dull", "lively"]


def test_a_field_that_an_old_fact_has_not_is_no_reason_to_pass_it_by() -> None:
    diary = Diary()
    with registered({Noted: [relay.slow("diary", diary, unless={"says": False})]}):
        note("a")
        drain(lane())
    assert diary.seen == ["a"]


@contextmanager
def asked() -> Iterator[list[str]]:
    """The statements of the lane's own connection."""
    seen: list[str] = []
    ask = direct.ask

    def noting(sql: str, params: Any = None) -> Any:
        seen.append(sql)
        return ask(sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "ask", noting)
        yield seen


def test_what_keeps_failing_is_parked_and_the_lane_goes_on() -> None:
    diary = Diary("b")
    session = uuid4()
    note("a", "b", "c", session=session)
    with registered(diary.table()):
        drain(lane())
    assert diary.seen == ["a", "b", "b", "b", "b", "c"]
    (row,) = parked()
    assert (row.lane, row.status, row.attempts, row.tenant_id) == ("diary", ParkedStatus.PARKED, 4, TENANT)
    assert row.recorded() == log()[1]
    assert "ValueError: cannot write b" in row.error
    assert at() == log()[-1].position


def test_a_passing_fault_is_tried_again_and_not_parked() -> None:
    diary = Diary("a")

    def heals(event: Any) -> None:
        if len(diary.seen) == 2:
            diary.broken.clear()
        diary(event)

    note("a")
    with registered({Noted: [relay.slow("diary", heals)]}):
        drain(lane())
    assert diary.seen == ["a"] * 3
    assert parked() == []


def test_a_parked_event_is_retried_by_its_lane_when_a_person_says_so() -> None:
    diary = Diary("a")
    note("a")
    with registered(diary.table()):
        drain(lane())
        (row,) = parked()
        diary.broken.clear()
        diary.seen.clear()
        drain(lane())
        assert diary.seen == []
        retry(row)
        assert diary.seen == []  # not inside the reviewer's own transaction
        drain(lane())
    (row,) = parked()
    assert diary.seen == ["a"]
    assert (row.status, row.retried_by) == (ParkedStatus.RESOLVED, "person:1")
    assert row.resolved_at is not None


def test_a_retry_that_fails_parks_again_with_the_new_error() -> None:
    diary = Diary("a")
    note("a")
    with registered(diary.table()):
        drain(lane())
        retry(parked()[0])
        drain(lane())
    (row,) = parked()
    assert (row.status, row.attempts, row.resolved_at) == (ParkedStatus.PARKED, 5, None)


def test_nobody_retries_what_is_being_retried_or_is_resolved() -> None:
    diary = Diary("a")
    note("a")
    with registered(diary.table()):
        drain(lane())
        (row,) = parked()
        retry(row)
        with pytest.raises(Stale):
            retry(row)
        diary.broken.clear()
        drain(lane())
        with pytest.raises(Stale):
            retry(row)


def test_parked_events_are_seen_by_their_own_tenant_alone() -> None:
    diary = Diary("a")
    note("a")
    with registered(diary.table()):
        drain(lane())
    with tenancy.bound(uuid4()):
        assert not ParkedEvent.objects.exists()
    with tenancy.bound(TENANT):
        assert ParkedEvent.objects.count() == 1


def test_a_lost_database_parks_nothing() -> None:
    def away(event: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly") from psycopg.OperationalError()

    note("a")
    with registered({Noted: [relay.slow("diary", away)]}), pytest.raises(OperationalError):
        drain(lane())
    assert parked() == []
    assert at() == START


def test_only_an_outage_is_nobody_s_fault() -> None:
    def raised(cause: Exception) -> OperationalError:
        fault = OperationalError(str(cause))
        fault.__cause__ = cause
        return fault

    assert is_outage(raised(psycopg.OperationalError("connection refused")))
    assert is_outage(raised(psycopg.errors.AdminShutdown()))
    assert not is_outage(raised(LockNotAvailable()))
    assert not is_outage(ValueError())


def test_a_stop_in_the_middle_leaves_the_event_to_the_next_leader() -> None:
    stop = Stop()

    def interrupted(event: Any) -> None:
        stop.now()
        raise ValueError

    note("a")
    with registered({Noted: [relay.slow("diary", interrupted)]}):
        SlowLane("diary", stop).step()
        assert parked() == []
        assert at() == START
        diary = Diary()
        with registered(diary.table()):
            drain(lane())
        assert diary.seen == ["a"]


def test_progress_is_recorded_event_by_event() -> None:
    """A crash at the third event repeats the third, not the first two."""

    class CrashError(BaseException):
        pass

    def crash(event: Any) -> None:
        diary(event)
        if event.payload["text"] == "c":
            raise CrashError

    diary = Diary()
    note("a", "b", "c", "d")
    with registered({Noted: [relay.slow("diary", crash)]}), pytest.raises(CrashError):
        drain(lane())
    diary = Diary()
    with registered(diary.table()):
        drain(lane())
    assert diary.seen == ["c", "d"]


def test_a_parked_event_that_nobody_reacts_to_any_more_says_so() -> None:
    diary = Diary("a")
    note("a")
    with registered(diary.table()):
        drain(lane())
    retry(parked()[0])
    with registered({Shouted: [relay.slow("diary", diary)]}):
        drain(lane())
    assert "nothing reacts to tests.noted.v1" in parked()[0].error


def test_a_slow_lane_cannot_take_a_name_of_ours() -> None:
    for name in ("redis", "clock", "", "two words"):
        with pytest.raises(ValueError, match="cannot be the name"):
            relay.slow(name, lambda event: None)
    assert SYSTEM


def test_what_a_lane_tends_has_its_turn_when_no_fact_is_left() -> None:
    diary, done = Diary(), []
    more = iter([True, False])
    note("a")

    def tend() -> bool:
        done.append(list(diary.seen))
        assert not connection.in_atomic_block
        return next(more)

    with registered(diary.table(), tended={"diary": tend}):
        tended = lane()
        paces = [tended.step().value for _ in range(3)]
    assert paces == ["more", "more", "idle"]
    assert done == [["a"], ["a"]], "not while there were facts"
