"""Who reads every fact tells the other lanes of its process what is none of theirs, and wakes those who have work."""

from typing import Any

import pytest

from chimera.kernel import relay, tenancy
from chimera.kernel.loop import Stop
from chimera.kernel.relay import cursor, slow_lane
from chimera.kernel.relay.cursor import Looked
from chimera.kernel.relay.redis_lane import RedisLane
from chimera.kernel.relay.run import Relay
from chimera.kernel.relay.slow_lane import SlowLane
from chimera.kernel.relay.survey import Survey
from chimera.kernel.relay.tables import Lane
from tests.kernel.log import Noted, Shouted, Writer, drain, log, note, registered, running, texts
from tests.processes.proc import until

pytestmark = pytest.mark.usefixtures("db")


def at(lane: str = "diary") -> Any:
    with tenancy.system():
        return Lane.objects.get(pk=lane).position


class House:
    """Lane redis and a slow lane of one process, which keeps a diary of what is noted and not dull."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.woken: list[int] = []
        self.survey = Survey()
        self.survey.wakes("diary", lambda: self.woken.append(1))
        self.all, self.diary = RedisLane(self.survey), SlowLane("diary", Stop(), self.survey)

    def table(self) -> dict[Any, Any]:
        reaction = relay.slow("diary", lambda event: self.seen.append(event.payload["text"]), unless={"text": "dull"})
        return {Noted: [reaction]}


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many facts each look of the slow lane brought."""
    brought: list[int] = []
    next_batch = cursor.next_batch

    def counted(lane: str, **more: Any) -> Any:
        batch = next_batch(lane, **more)
        if lane == "diary":
            brought.append(len(batch.events))
        return batch

    monkeypatch.setattr(cursor, "next_batch", counted)
    return brought


def test_what_was_seen_for_a_lane_it_does_not_look_through_itself(rows: list[int]) -> None:
    house = House()
    with registered(house.table()):
        note("first")
        drain(house.all)
        drain(house.diary)
        rows.clear()
        for _ in range(3):
            note("dull", "dull")
            note("loud", fact=Shouted)
            drain(house.all)
        house.diary.step()
        assert (rows, house.seen) == ([0], ["first"])
        note("dull")  # nobody has seen this for it
        house.diary.step()
        assert rows == [0, 1]


def test_a_lane_is_woken_by_what_is_its_own_alone() -> None:
    house = House()
    with registered(house.table()):
        note("dull")
        note("loud", fact=Shouted)
        drain(house.all)
        assert house.woken == []
        note("dull", "mine")
        drain(house.all)
        assert house.woken == [1]
        drain(house.diary)
    assert house.seen == ["mine"]


def test_nothing_is_missed_however_the_two_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_lane, "PASS_BY_SECONDS", 0.0)
    house = House()
    wanted: list[str] = []
    with registered(house.table()):
        for number in range(60):
            text = "dull" if number % 7 else f"mine {number}"
            note(text)
            wanted += [text] if text != "dull" else []
            if number % 3 == 0:
                house.all.step()
            if number % 5 == 0:
                house.diary.step()
        drain(house.all)
        drain(house.diary)
    assert house.seen == wanted
    assert at() == log()[-1].position


def test_what_commits_late_is_in_no_survey() -> None:
    house = House()
    with registered(house.table()), Writer() as slow:
        note("first")
        drain(house.all)
        drain(house.diary)
        slow.note("late")
        note("dull")
        house.all.step()
        house.diary.step()
        slow.commit()
        drain(house.all)
        drain(house.diary)
    assert house.seen == ["first", "late"]


def test_a_survey_says_nothing_about_what_lies_before_it_or_after() -> None:
    survey = Survey()
    with registered({Noted: [relay.slow("diary", lambda event: None)]}):
        for text in ("a", "b", "c"):
            note(text, fact=Shouted)
        first, second, third = (event.position for event in log())
        before = cursor.next_batch("redis")
        survey.passed(cursor.Batch(first, first, before.events[1:2], second, False, [], False))
        assert survey.stretched("diary", Looked(first, first)) == Looked(first, second)
        start = Looked(before.start, before.start)
        assert survey.stretched("diary", start) == start
        assert survey.stretched("diary", Looked(first, third)) == Looked(first, third)
        assert survey.stretched("diary", None) is None


def woken_by_a_nudge(made: Relay) -> list[str]:
    made._nudged(False)
    return [thread.lane.name for thread in made.threads if thread.waiter._woken.is_set()]


def test_a_nudge_wakes_the_lanes_that_nobody_looks_for() -> None:
    with registered(House().table()):
        assert woken_by_a_nudge(Relay(["diary"], stop=Stop())) == ["diary"]
        assert woken_by_a_nudge(Relay(["redis", "diary", "clock"], stop=Stop())) == ["redis", "diary"]
        surveyed = Relay(["redis", "diary", "clock"], stop=Stop())
        surveyed._survey.step()
        assert woken_by_a_nudge(surveyed) == ["redis"]


def test_lanes_that_run_together_do_their_work() -> None:
    house = House()
    with registered(house.table()), running("redis", "diary"):
        for number in range(20):
            note(f"{number}", "dull")
        until(lambda: len(house.seen) == 20)
    assert house.seen == [str(number) for number in range(20)]
    assert texts(log())[:2] == ["0", "dull"]
