"""What agents say all the time costs the database next to nothing: every statement of this process is counted, on any connection."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chimera.flows.flush_progress import flush_progress
from chimera.kernel import clock, ids, pipelining
from chimera.kernel.bridge import in_thread
from swarm.actions import claims, progress
from swarm.consumers.committing import Beat, committing
from swarm.models import AgentProfile, SwarmSession, Task, TaskProgress
from swarm.states import TaskStatus
from tests.cast import Stage
from tests.live.watching import run, until
from tests.swarm.at_socket import AtSocket

UPDATES = 1_000
AGENTS = 1_000
BEAT_SECONDS = 10
MINUTE_SECONDS = 60
TURN_SECONDS = 2  # of the minute; so much of it is played at once
FEW = 24  # statements, with begin, tenant, commit and the looks after who is there
FEW_A_SECOND = 3
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "COPY")


class Counted:
    """Statements since it was made or cleared, in the order in which they came."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def writes(self) -> int:
        return sum(statement.lstrip().upper().startswith(WRITES) for statement in self.statements)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """All threads' statements: the web's, the groups', the relay's. Many rows in one `executemany` are as many statements."""
    seen = Counted()
    execute, executemany, run_ = psycopg.Cursor.execute, psycopg.Cursor.executemany, pipelining.run

    def one(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        seen.statements.append(query.decode() if isinstance(query, bytes) else str(query))
        return execute(self, query, *more, **options)

    def many(self: Any, query: Any, rows: Sequence[Any], **options: Any) -> Any:
        kept = list(rows)
        seen.statements += [str(query)] * len(kept)
        return executemany(self, query, kept, **options)

    def together(connection: Any, asked: Sequence[Any], **options: Any) -> Any:
        seen.statements += [sql for sql, _ in asked]
        return run_(connection, asked, **options)

    monkeypatch.setattr(pipelining, "run", together)
    monkeypatch.setattr(psycopg.Cursor, "execute", one)
    monkeypatch.setattr(psycopg.Cursor, "executemany", many)
    return seen


# ------------------------------------------------------------------ progress


def a_thousand_updates(acme: Stage, settle: Callable[[], None], counted: Counted) -> None:
    """Of eight tasks at one socket, and what the clock then writes down."""
    session = acme.session()
    for _ in range(8):
        acme.task(session)
    settle()

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(8)
            held = await ada.tasks(8)
            counted.statements.clear()
            for number in range(UPDATES):
                claim = held[number % 8]
                lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
                ada.say(
                    {"kind": "progress", "ref": f"p{number}", "phase": "reading", "percentage": number / 10, **lease}
                )
            await until(lambda: len(acknowledged(ada)) == UPDATES, 60)
            await in_thread(flush_progress)

    run(main)


def acknowledged(ada: AtSocket) -> set[str]:
    return {item["ref"] for item in ada.of("ack") if str(item["ref"]).startswith("p")}


def test_a_thousand_updates_cost_a_few_statements(acme: Stage, settle: Callable[[], None], counted: Counted) -> None:
    a_thousand_updates(acme, settle, counted)
    assert len(counted.statements) <= FEW, counted.statements
    assert counted.writes() <= 2, counted.statements
    with acme.bound():
        newest = sorted(TaskProgress.objects.values_list("percentage", flat=True))
    assert newest == [Decimal(number) / 10 for number in range(UPDATES - 8, UPDATES)]


@pytest.mark.slow
def test_control_where_each_update_is_written_the_count_shows_it(
    acme: Stage, settle: Callable[[], None], counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_by_one(notes: Sequence[progress.Note]) -> bool:
        for note in notes:
            with acme.bound():
                progress.write(rows={note.task_id: note.progress})
        return True

    monkeypatch.setattr(progress, "note_all", one_by_one)
    a_thousand_updates(acme, settle, counted)
    assert counted.writes() >= UPDATES


# ------------------------------------------------------------------ beats


def at_work(acme: Stage, number: int) -> list[Beat]:
    """So many agents with a lease each."""
    session = acme.session()["id"]
    with acme.bound():
        at, house = clock.now(), SwarmSession.objects.get(pk=session)
        crowd = [AgentProfile(id=ids.uuid7(), name=f"crowd {n}", role="worker") for n in range(number)]
        AgentProfile.objects.bulk_create(crowd)
        rows = [
            Task(
                id=ids.uuid7(),
                session=house,
                type="research",
                role="worker",
                status=TaskStatus.RUNNING,
                agent=agent,
                lease_token=uuid4(),
                lease_expires_at=at + timedelta(seconds=60),
                queued_at=at,
                started_at=at,
                attempt_count=1,
                claimed_session_version=house.state_version,
                created_by="test",
                created_at=at,
            )
            for agent in crowd
        ]
        Task.objects.bulk_create(rows)
    return [Beat(row.agent_id, [(row.pk, row.lease_token)], 1) for row in rows]


def a_minute_of_beats(acme: Stage, beats: list[Beat], counted: Counted) -> None:
    """Each beats every ten seconds, all of them spread evenly."""
    began, turns = clock.now(), BEAT_SECONDS // TURN_SECONDS
    counted.statements.clear()

    async def main() -> None:
        for second in range(0, MINUTE_SECONDS, TURN_SECONDS):
            with clock.held(began + timedelta(seconds=second)):
                theirs = beats[second // TURN_SECONDS % turns :: turns]
                said = await asyncio.gather(*(committing().beats.add(acme.tenant_id, beat) for beat in theirs))
                lost = [one for answers in said for one in answers if one.lease_expires_at is None]
                assert not lost, f"{len(lost)} leases were lost in second {second}"

    run(main)


def held_until(acme: Stage) -> Any:
    with acme.bound():
        return min(Task.objects.values_list("lease_expires_at", flat=True))


@pytest.mark.slow
def test_a_thousand_beating_agents_cost_a_few_writes_a_second(acme: Stage, counted: Counted) -> None:
    beats = at_work(acme, AGENTS)
    began = clock.now()
    a_minute_of_beats(acme, beats, counted)
    assert held_until(acme) > began + timedelta(seconds=MINUTE_SECONDS), "no lease may lapse meanwhile"
    assert counted.writes() <= FEW_A_SECOND * MINUTE_SECONDS, f"{counted.writes()} writes"
    assert len(counted.statements) <= 5 * FEW_A_SECOND * MINUTE_SECONDS, f"{len(counted.statements)} statements"


@pytest.mark.slow
def test_control_where_each_lease_is_renewed_for_itself_the_count_shows_it(
    acme: Stage, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew_all = claims.renew_all

    def one_by_one(held: Sequence[Task]) -> set[UUID]:
        return {pk for task in held for pk in renew_all([task])}

    monkeypatch.setattr(claims, "renew_all", one_by_one)
    a_minute_of_beats(acme, at_work(acme, AGENTS), counted)
    assert counted.writes() >= AGENTS
