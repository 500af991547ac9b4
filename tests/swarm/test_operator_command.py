"""`manage.py chimera …`: what it shows, what it changes, and what it says to whoever asks wrongly."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chimera.kernel import clock, redis
from chimera.kernel.eventlog import Event
from swarm.dispatch import lists
from swarm.models import AgentProfile, Task
from tests.cast import Stage
from tests.swarm.letters import failed, many, statuses

Settle = Callable[[], None]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*words: str, code: int = 0, out: StringIO | None = None) -> str:
    """What it printed, after ending with `code`."""
    printed, ended = out or StringIO(), 0
    try:
        call_command("chimera", *words, stdout=printed)
    except SystemExit as end:
        ended = int(end.code or 0)
    assert ended == code, printed.getvalue()
    return printed.getvalue()


def objects(*words: str, code: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*words, "--json", code=code).splitlines()]


# ------------------------------------------------------------------ which tenant, in whose name


def test_the_only_tenant_needs_no_name(acme: Stage) -> None:
    assert run("tasks") == "No task is like that.\n"


def test_of_several_tenants_one_must_be_named(acme: Stage, zenith: Stage) -> None:
    zenith.task(zenith.session(), type="theirs")
    with pytest.raises(
        CommandError, match=r"^There are several tenants; say which with --tenant NAME: Acme, Zenith\.$"
    ):
        run("tasks")
    with pytest.raises(CommandError, match=r"^There is no tenant 'Nadir'; there is Acme, Zenith\.$"):
        run("tasks", "--tenant", "Nadir")
    assert "theirs" not in run("tasks", "--tenant", "Acme")
    assert "theirs" in run("tasks", "--tenant", "Zenith")
    assert "theirs" in run("--tenant", "Zenith", "tasks")


@pytest.mark.usefixtures("db")
def test_without_any_tenant_it_says_how_to_make_one() -> None:
    with pytest.raises(CommandError, match=r"There is no tenant yet; make one with `manage\.py tenant add NAME`"):
        run("queue")


def test_a_change_is_done_in_a_members_name(acme: Stage) -> None:
    (letter,) = failed(acme, acme.session()["id"], 1)
    with pytest.raises(CommandError, match=r"^Say in whose name, with --as USERNAME: boss@acme, otto@acme\.$"):
        run("retry", letter)
    with pytest.raises(CommandError, match=r"^'rita@acme' is no operator or admin of Acme; there is boss@acme"):
        run("retry", letter, "--as", "rita@acme")
    assert run("retry", letter, "--as", "otto@acme") == "1 retried.\n"
    with acme.bound():
        assert Event.objects.get(type="swarm.task.requeued.v1").actor == f"person:{acme.otto.id}"


# ------------------------------------------------------------------ tasks


def test_tasks_are_listed_by_filter(acme: Stage, settle: Settle) -> None:
    campaign = acme.otto.post("campaigns", {"name": "c", "goal": "g"}).ok(201)["id"]
    session = acme.session(campaign=campaign, name="harbour")["id"]
    mine = acme.task(session, type="write", role="planner")["id"]
    (letter,) = failed(acme, acme.session()["id"], 1, code="late")
    settle()
    for words, found in (
        (("--session", session), mine),
        (("--campaign", campaign), mine),
        (("--type", "write"), mine),
        (("--role", "planner"), mine),
        (("--status", "failed"), letter),
        (("--error-code", "late"), letter),
        (("--limit", "1"), letter),
    ):
        assert [shape["id"] for shape in objects("tasks", *words)] == [found], words
    assert objects("tasks", "--created-before", "2001-01-01") == []
    assert objects("tasks", "--created-after", "2099-01-01T08:00") == []
    assert len(objects("tasks", "--created-after", "1h")) == 2
    line = run("tasks", "--type", "write").splitlines()[1]
    assert line.split()[:6] == [mine, "queued", "write", "planner", "50", "0/3"]
    assert "harbour" in line


def test_what_waits_says_for_whom_and_that_it_failed(acme: Stage) -> None:
    session = acme.session()["id"]
    (letter,) = failed(acme, session, 1)
    acme.task(session, type="first")
    (before,) = many(acme, session, 1)
    acme.task(session, type="second", depends_on=[before])
    acme.task(session, type="third", depends_on=[before, letter])
    ends = {line.split()[2]: line.rstrip() for line in run("tasks", "--status", "pending").splitlines()[1:]}
    assert ends["third"].endswith(f"waits for {letter}, which is failed")
    assert ends["second"].endswith(f"waits for {before}, which is pending")
    assert "waits" not in ends["first"]


def test_json_has_the_apis_shape(acme: Stage) -> None:
    made = acme.task(acme.session())
    (shape,) = objects("tasks")
    assert shape == acme.otto.get(f"tasks/{made['id']}").ok().body


def test_nothing_is_cut_coloured_or_obeyed_in_a_pipe(acme: Stage) -> None:
    evil = "\x1b[2J\x1b]0;mine\x07" + "x" * 60
    acme.task(acme.session(name="a name of some length, so that a narrow page would cut it"), type=evil)
    printed = run("tasks")
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "x" * 60 in printed
    assert len(printed.splitlines()) == 2
    assert "\x1b]0;mine" not in run("tasks", out=Terminal())


def test_a_terminal_gets_colours_unless_it_does_not_want_them(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    many(acme, acme.session()["id"], 1)
    acme.task(acme.session())
    assert "\x1b[1m" in run("tasks", out=Terminal())


# ------------------------------------------------------------------ queue and agents


def test_the_queue_is_counted_per_role_and_band(acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "turns", lists.Turns())  # not every look begins with the high ones
    session = acme.session()
    for priority in (10, 50, 50, 90, 90):
        acme.task(session, priority=priority)
    acme.task(session, role="planner", priority=90)
    settle()
    acme.ada.finish(acme.ada.claim()[0]).ok()  # a high one
    running = acme.ada.claim()[0]
    assert running["task"]["priority"] == 90
    settle()
    with clock.held(clock.now() + timedelta(minutes=3)):
        lines = {(line["role"], line["band"]): line for line in objects("queue", "--minutes", "5")}
        printed = run("queue", "--minutes", "5")
    assert len(lines) == 9
    assert {place: line["queued"] for place, line in lines.items() if line["queued"]} == {
        ("worker", "normal"): 2,
        ("worker", "low"): 1,
        ("planner", "high"): 1,
    }
    assert all(line["queued"] == line["in_redis"] for line in lines.values())
    assert lines["planner", "high"]["oldest_at"].endswith("Z")
    assert datetime.fromisoformat(lines["planner", "high"]["oldest_at"]) <= clock.now()
    high = lines["worker", "high"]
    assert (high["running"], high["claimed_per_minute"], high["completed_per_minute"]) == (1, 0.4, 0.2)
    assert high["oldest_at"] is None
    (normal,) = [line.split() for line in printed.splitlines() if line.startswith("worker") and " normal " in line]
    assert normal == ["worker", "normal", "2", "2", "3", "min", "0", "0.0", "0.0"]


def test_the_queue_is_told_without_redis_and_says_what_redis_lost(
    acme: Stage, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.task(acme.session())
    settle()
    redis.client().flushall()
    (line,) = [line for line in objects("queue") if line["queued"]]
    assert (line["queued"], line["in_redis"]) == (1, 0)
    monkeypatch.setattr(redis, "_away_until", float("inf"))
    (line,) = [line for line in objects("queue") if line["queued"]]
    assert (line["queued"], line["in_redis"]) == (1, None)
    assert "Redis is away" in run("queue")


def test_agents_are_shown_with_their_slots_and_their_last_beat(acme: Stage, settle: Settle) -> None:
    session = acme.session()
    for _ in range(2):
        acme.task(session)
    settle()
    for claim in acme.ada.claim(2):
        acme.ada.post(f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"]}).ok()
    acme.otto.post(f"agents/{acme.bob.id}/pause").ok()
    found = {line["name"]: line for line in objects("agents")}
    assert sorted(found) == ["ada", "bob", "jude", "pia"]
    ada = found["ada"]
    assert (ada["slots_used"], ada["slots_free"], ada["load"]) == (2, 6, 0.25)
    assert (ada["is_alive"], ada["last_beat_at"][-1]) == (True, "Z")
    assert (found["bob"]["status"], found["bob"]["inactive_because"]) == ("inactive", "paused")
    assert found["bob"]["last_beat_at"] is None
    assert f"{acme.ada.id}  ada   worker   active  alive   just now   2     6     25%" in run("agents")
    assert [line["name"] for line in objects("agents", "--role", "worker", "--status", "active")] == ["ada"]


def test_an_agent_that_redis_has_forgotten_beat_last_when_postgresql_says(acme: Stage) -> None:
    seen = clock.now() - timedelta(minutes=7)
    with acme.bound():
        AgentProfile.objects.filter(pk=acme.bob.id).update(last_seen_at=seen)
    found = {line["name"]: line for line in objects("agents")}
    assert (found["bob"]["is_alive"], found["bob"]["last_beat_at"]) == (False, clock.written(seen))
    assert (found["ada"]["is_alive"], found["ada"]["last_beat_at"]) == (False, None)
    (bob,) = [line for line in run("agents").splitlines() if " bob " in line]
    assert " silent  7 min ago " in bob


# ------------------------------------------------------------------ dead letters


def test_dead_letters_are_listed_with_their_error(acme: Stage) -> None:
    session = acme.session(name="harbour")["id"]
    (letter,) = failed(acme, session, 1, code="late")
    many(acme, session, 1)
    head, line = run("dead").splitlines()
    assert head.split()[:3] == ["id", "error", "type"]
    assert line.split()[:6] == [letter, "late", "research", "worker", "3/3", "harbour"]
    assert line.rstrip().endswith("It is a scanned picture.")
    assert run("dead", "--error-code", "odd") == "No task has failed for good.\n"


def test_dead_letters_are_dropped_by_filter_and_what_waits_goes_with_them(acme: Stage, settle: Settle) -> None:
    session = acme.session()["id"]
    letters = failed(acme, session, 3, code="late")
    failed(acme, session, 1, code="odd")
    acme.task(session, depends_on=letters[:1])
    words = ("dead", "--error-code", "late", "--drop", "--reason", "too late", "--yes", "--as", "otto@acme")
    assert run(*words) == "3 dropped.\n"
    settle()
    assert statuses(acme) == {"cancelled": 4, "failed": 1}
    with acme.bound():
        assert Task.objects.get(pk=letters[0]).error["message"] == "too late"
    assert run(*words) == "0 dropped.\n"


def test_a_change_by_filter_asks_first(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(acme, acme.session()["id"], 2)
    words = ("dead", "--drop", "--as", "otto@acme")
    monkeypatch.setattr("sys.stdin", StringIO())
    with pytest.raises(
        CommandError, match=r"^This would drop 2 dead letters of Acme; add --yes to do it without asking"
    ):
        run(*words)
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(CommandError, match=r"^Nothing was dropped\.$"):
        run(*words)
    assert statuses(acme) == {"failed": 2}
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(*words) == "2 dropped.\n"


def test_more_than_one_call_holds_are_retried_call_by_call(acme: Stage, settings: Any) -> None:
    settings.BULK_TASKS_MAX = 2
    failed(acme, acme.session()["id"], 5)
    assert run("retry", "--type", "research", "--yes", "--as", "otto@acme") == "5 retried.\n"
    assert statuses(acme) == {"queued": 5}


def test_what_cannot_be_retried_is_listed_and_the_exit_code_says_so(acme: Stage, zenith: Stage) -> None:
    (letter,) = failed(acme, acme.session()["id"], 1)
    (pending,) = many(acme, acme.session()["id"], 1)
    (theirs,) = failed(zenith, zenith.session()["id"], 1)
    words = ("retry", letter, pending, theirs, "--as", "otto@acme", "--tenant", "Acme")
    printed = run(*words, code=1)
    assert printed.startswith("1 retried.\n2 left as they are:\n")
    assert f"{pending}  task_pending  Only a failed task can be retried; this one is pending." in printed
    assert f"{theirs}  not_found" in printed
    assert statuses(zenith) == {"failed": 1}
    (said,) = objects(*words, code=1)
    assert (said["changed"], {f["code"] for f in said["failed"]}) == (0, {"task_queued", "task_pending", "not_found"})


# ------------------------------------------------------------------ what is not understood


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("retry",), "Name the tasks to retry, or say which with filters such as --error-code; one of the two."),
        (("retry", str(uuid4()), "--type", "x"), "one of the two"),
        (("retry", "x"), "'x' is no id; an id looks like"),
        (("tasks", "--session", "x"), "'x' is no id"),
        (("tasks", "--status", "odd"), "choose from"),
        (("tasks", "--limit", "0"), "'0' is no whole number from 1 to 1000"),
        (("tasks", "--created-after", "soon"), "'soon' is no time; write 2026-03-01T08:00"),
        (("tasks", "--created-after", "2026-13-45"), "is no time"),
        (("dead", "--retry", "--drop"), "not allowed with argument"),
        (("tail",), "the following arguments are required: SESSION"),
        (("tail", str(uuid4())), "No such session; check its id, and that it belongs to your tenant."),
        (("tail", str(uuid4()), "--after", "soon"), "`after` must be a position such as 1042-7"),
        (("dance",), "invalid choice: 'dance'"),
    ],
)
def test_what_is_not_understood_is_answered_with_a_way_out(acme: Stage, words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError) as refused:
        run(*words)
    assert sentence in str(refused.value)


def test_the_doctor_is_the_same(acme: Stage) -> None:
    plain = StringIO()
    call_command("doctor", stdout=plain)
    assert run("doctor").splitlines()[0] == plain.getvalue().splitlines()[0]
