"""Agents fall silent and are heard of again; whoever a person paused stays so, whatever is heard of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as limits
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from chimera.flows.agents_silent import Watch
from chimera.kernel import clock, ids, redis
from chimera.kernel.eventlog import Event
from swarm import liveness
from swarm.actions import agents
from swarm.models import AgentProfile
from tests.cast import Caller, Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.races.threads import InBackground, held_after

Settle = Callable[[], None]
SILENCE = limits.AGENT_SILENT_SECONDS
SURELY = SILENCE + limits.AGENT_SEEN_SECONDS + 1  # seconds after which the clock has noticed
BEAT_SECONDS = 10


class Day:
    """A clock that this test moves, and the watch that looks at it as the relay's would."""

    def __init__(self) -> None:
        self.at, self.watch = clock.now(), Watch()

    def passes(self, seconds: float, *, beating: Callable[[], object] = lambda: None) -> None:
        """In steps of a beat; the clock comes by after each."""
        end = self.at + timedelta(seconds=seconds)
        while self.at < end:
            self.at = min(end, self.at + timedelta(seconds=BEAT_SECONDS))
            with clock.held(self.at):
                beating()
                self.watch.look()

    def now(self) -> Any:
        return clock.held(self.at)


@pytest.fixture
def day(db: None) -> Day:
    """The relay has run for a while."""
    made = Day()
    made.passes(2 * SURELY)
    return made


def beat(*who: Caller) -> Callable[[], None]:
    return lambda: liveness.beat_all({UUID(caller.id): (0, 1) for caller in who})


def shown(stage: Stage, who: Caller) -> tuple[str, str]:
    agent = stage.otto.get(f"agents/{who.id}").ok()
    return agent["status"], agent["inactive_because"]


def told(stage: Stage) -> list[str]:
    with stage.bound():
        found = Event.objects.filter(type__startswith="swarm.agent.").exclude(type__contains="registered")
        types = list(found.exclude(type__contains="key_issued").order_by("xid", "seq").values_list("type", flat=True))
    return [kind.split(".")[2] for kind in types]


ACTIVE, PAUSED, SILENT, SUSPENDED = ("active", ""), ("inactive", "paused"), ("inactive", "silent"), ("suspended", "")


# ------------------------------------------------------------------ silence


def test_an_agent_that_is_not_heard_of_any_more_is_inactive_and_others_are_not(acme: Stage, day: Day) -> None:
    day.passes(30, beating=beat(acme.ada, acme.bob))
    day.passes(SILENCE, beating=beat(acme.bob))
    assert shown(acme, acme.ada) == ACTIVE, "not before the time"
    day.passes(SURELY - SILENCE, beating=beat(acme.bob))
    assert (shown(acme, acme.ada), shown(acme, acme.bob)) == (SILENT, ACTIVE)
    assert told(acme) == ["silent"]


def test_an_agent_that_was_never_heard_of_is_not_silent(acme: Stage, day: Day) -> None:
    day.passes(2 * SURELY)
    assert shown(acme, acme.ada) == ACTIVE


def test_what_is_told_says_when_it_was_last_heard_of(acme: Stage, day: Day) -> None:
    day.passes(30, beating=beat(acme.ada))
    heard = day.at
    day.passes(SURELY)
    with acme.bound():
        payload = Event.objects.get(type="swarm.agent.silent.v1").payload
    gap = heard - datetime.fromisoformat(payload["last_seen_at"])
    assert timedelta() <= gap <= timedelta(seconds=limits.AGENT_SEEN_SECONDS)


def test_a_beat_makes_it_active_again(acme: Stage, day: Day) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.passes(SURELY)
    day.passes(BEAT_SECONDS, beating=beat(acme.ada))
    assert shown(acme, acme.ada) == ACTIVE
    assert told(acme) == ["silent", "heard"]


def test_a_claim_makes_it_active_at_once_and_gets_its_task(acme: Stage, day: Day, settle: Settle) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.passes(SURELY)
    acme.task(acme.session())
    settle()
    with day.now():
        assert len(acme.ada.claim()) == 1
    assert shown(acme, acme.ada) == ACTIVE
    assert told(acme) == ["silent", "heard"]


def test_an_agent_that_only_asks_for_work_in_vain_is_not_silent(acme: Stage, day: Day) -> None:
    day.passes(2 * SURELY, beating=acme.ada.claim)
    assert shown(acme, acme.ada) == ACTIVE


def test_a_silent_agent_that_speaks_is_not_told_to_pause(acme: Stage, day: Day, settle: Settle, settings: Any) -> None:
    settings.LEASE = timedelta(hours=1)
    acme.task(acme.session())
    settle()
    with day.now():
        (claim,) = acme.ada.claim()
    day.passes(SURELY)
    assert shown(acme, acme.ada) == SILENT
    with day.now():
        said = acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()
    assert said["commands"] == []
    day.passes(1)
    assert shown(acme, acme.ada) == ACTIVE


# ------------------------------------------------------------------ a lost Redis, a lost relay


def test_a_flushed_redis_makes_nobody_silent(acme: Stage, day: Day) -> None:
    day.passes(60, beating=beat(acme.ada))
    redis.client().flushall()
    day.passes(BEAT_SECONDS - 1)
    day.passes(2 * SURELY, beating=beat(acme.ada))
    assert (shown(acme, acme.ada), told(acme)) == (ACTIVE, [])


def test_while_redis_is_away_nobody_falls_silent_and_afterwards_all_have_time_to_come(
    acme: Stage, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise redis.FAULTS[0]("away")

    day.passes(30, beating=beat(acme.ada))
    with monkeypatch.context() as patched:
        patched.setattr(redis.Client, "execute_command", away)
        patched.setattr(redis.Client, "pipeline", away)
        day.at += timedelta(hours=1)
        with day.now(), pytest.raises(redis.Away):
            day.watch.look()
    redis.try_again()
    day.passes(SILENCE)
    assert shown(acme, acme.ada) == ACTIVE
    day.passes(SURELY)
    assert shown(acme, acme.ada) == SILENT


@pytest.mark.parametrize("watch", [Watch, None], ids=["a new one", "one that led before"])
def test_a_relay_that_was_away_calls_nobody_silent_before_it_has_listened(
    acme: Stage, day: Day, watch: type[Watch] | None
) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.at += timedelta(hours=1)
    day.watch = watch() if watch else day.watch
    day.passes(SILENCE)
    assert shown(acme, acme.ada) == ACTIVE
    day.passes(SURELY)
    assert shown(acme, acme.ada) == SILENT


# ------------------------------------------------------------------ people


def test_a_paused_agent_is_paused_whatever_is_heard_of_it(acme: Stage, day: Day) -> None:
    acme.otto.post(f"agents/{acme.ada.id}/pause", {"reason": "look into it"}).ok()
    day.passes(60, beating=beat(acme.ada))
    acme.ada.claim()
    assert shown(acme, acme.ada) == PAUSED
    day.passes(2 * SURELY)
    assert (shown(acme, acme.ada), told(acme)) == (PAUSED, ["paused"])
    assert acme.otto.post(f"agents/{acme.ada.id}/resume").ok()["inactive_because"] == ""


def test_a_silent_agent_can_be_paused_and_then_stays_so_when_it_comes(acme: Stage, day: Day) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.passes(SURELY)
    assert acme.otto.post(f"agents/{acme.ada.id}/pause").ok()["inactive_because"] == "paused"
    day.passes(60, beating=beat(acme.ada))
    assert shown(acme, acme.ada) == PAUSED
    acme.otto.post(f"agents/{acme.ada.id}/pause").refused(409, "agent_inactive")


def test_a_silent_agent_is_not_resumed_by_a_person(acme: Stage, day: Day) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.passes(SURELY)
    acme.otto.post(f"agents/{acme.ada.id}/resume").refused(409, "agent_silent")


def test_a_silent_agent_can_be_killed_and_then_is_not_heard(acme: Stage, day: Day) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.passes(SURELY)
    acme.otto.post(f"agents/{acme.ada.id}/kill", {"reason": "gone for good"}).ok()
    day.passes(60, beating=beat(acme.ada))
    assert shown(acme, acme.ada) == SUSPENDED
    assert told(acme) == ["silent", "killed"]


def test_the_console_says_why_and_offers_what_helps(acme: Stage, day: Day) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.passes(SURELY)
    acme.otto.post(f"agents/{acme.bob.id}/pause").ok()
    otto, noun = Desk(acme.otto), NOUNS["agent"]
    silent, paused = otto.get(noun.one(acme.ada.id)).ok(), otto.get(noun.one(acme.bob.id)).ok()
    assert ("silent" in silent.text, "paused" in paused.text) == (True, True)
    assert silent.buttons == {"pause", "rotate_key", "kill"}
    assert paused.buttons == {"resume", "rotate_key", "kill"}
    assert "ada" in otto.get(noun.list, inactive_because__exact="silent").ok().text
    found = otto.get(noun.list, inactive_because__exact="paused").ok().text
    assert ("bob" in found, "ada" in found) == (True, False)


@pytest.mark.parametrize(("status", "because"), [("inactive", ""), ("active", "paused"), ("suspended", "silent")])
def test_the_database_knows_no_inactive_agent_without_a_cause(acme: Stage, status: str, because: str) -> None:
    with pytest.raises(IntegrityError, match="agent_inactive_because"), acme.bound():
        AgentProfile.objects.filter(pk=acme.ada.id).update(status=status, inactive_because=because)


# ------------------------------------------------------------------ races and numbers


def test_an_agent_that_is_paused_at_that_moment_does_not_fall_silent(
    acme: Stage, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    day.passes(30, beating=beat(acme.ada))
    day.passes(SURELY - BEAT_SECONDS)
    with held_after(monkeypatch, agents, "lock") as hold:
        pause = InBackground(lambda: acme.otto.post(f"agents/{acme.ada.id}/pause"))
        hold.wait_reached()
        day.passes(3 * BEAT_SECONDS)  # passes over the locked row, and does not wait for it
        hold.release()
        pause.answer().ok()
    day.passes(3 * BEAT_SECONDS)
    assert (shown(acme, acme.ada), told(acme)) == (PAUSED, ["paused"])


def test_a_thousand_beating_agents_cost_few_statements_and_rows(acme: Stage, day: Day) -> None:
    crowd = register(acme, 1_000)
    with CaptureQueriesContext(connection) as seen:
        day.passes(60, beating=lambda: liveness.beat_all(dict.fromkeys(crowd, (1, 1))))
    written = [query["sql"] for query in seen.captured_queries if query["sql"].lstrip().startswith(("UPDATE", "WITH"))]
    assert len(seen.captured_queries) <= 6 * 10, "per step of the clock: begin, role, one write, commit, and a look"
    assert len(written) <= 6
    with acme.bound():
        assert AgentProfile.objects.filter(last_seen_at__isnull=False).count() == 1_000


def test_a_thousand_agents_fall_silent_and_come_back_in_few_statements(acme: Stage, day: Day) -> None:
    crowd = register(acme, 1_000)
    day.passes(BEAT_SECONDS, beating=lambda: liveness.beat_all(dict.fromkeys(crowd, (1, 1))))
    with CaptureQueriesContext(connection) as seen:
        day.passes(SURELY)
        day.passes(BEAT_SECONDS, beating=lambda: liveness.beat_all(dict.fromkeys(crowd, (1, 1))))
    with acme.bound():
        assert AgentProfile.objects.filter(pk__in=crowd, status="active").count() == 1_000
        assert Event.objects.filter(type="swarm.agent.silent.v1").count() == 1_000
        assert Event.objects.filter(type="swarm.agent.heard.v1").count() == 1_000
    assert len(seen.captured_queries) <= 150


def register(stage: Stage, number: int) -> list[UUID]:
    with stage.bound():
        rows = [AgentProfile(id=ids.uuid7(), name=f"crowd {n}", role="worker") for n in range(number)]
        return [agent.pk for agent in AgentProfile.objects.bulk_create(rows)]
