"""What was told about a card's task, and what its session tells last: the card's history and the beginning of its live tail. Reads only."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from chimera.flows.show_history import Told, what, words
from chimera.kernel import prepared
from chimera.kernel.actors import SYSTEM
from chimera.kernel.eventlog import Event

OWN_MAX = 100  # facts about the task, the newest
TAIL_MAX = 25  # facts of the session, the newest; the live page has them all

# The facts of each thing by its own index: in a long session those of one task would be looked for among all.
_AROUND = """
    WITH own AS MATERIALIZED (
        SELECT e.* FROM unnest(%(about)s::uuid[]) AS thing (id) CROSS JOIN LATERAL (
            SELECT * FROM kernel_event WHERE aggregate_id = thing.id ORDER BY xid DESC, seq DESC LIMIT %(own)s::int
        ) e ORDER BY e.xid DESC, e.seq DESC LIMIT %(own)s::int
    ), tail AS MATERIALIZED (
        SELECT * FROM kernel_event WHERE session_id = %(session)s::uuid ORDER BY xid DESC, seq DESC LIMIT %(tail)s::int
    ), told AS (
        SELECT *, true AS is_own FROM own UNION ALL SELECT *, false FROM tail
    )
    SELECT <columns>, e.is_own, coalesce(person.username, agent.name, '') FROM told e
    LEFT JOIN auth_user person ON person.id = CASE WHEN e.actor ~ '^person:[0-9]+$' THEN substr(e.actor, 8)::int END
    LEFT JOIN swarm_agentprofile agent ON agent.id = CASE WHEN starts_with(e.actor, 'agent:') THEN substr(e.actor, 7)::uuid END
    ORDER BY e.xid, e.seq
"""


@dataclass(frozen=True, slots=True)
class Line(Told):
    position: str  # where it stands in the log


@dataclass(frozen=True, slots=True)
class Around:
    own: list[Line]  # oldest first
    tail: list[Line]  # newest first

    @property
    def after(self) -> str:
        """Where the live tail goes on. The oldest that is shown and not the newest: what commits late comes before that one."""
        return self.tail[-1].position if self.tail else ""


def show_around(*, about: Collection[UUID], session_id: UUID) -> Around:
    """`about` are the task and what belongs to it: cards, results' cards, money, actions. One query."""
    asked = {"about": list(about), "session": session_id, "own": OWN_MAX, "tail": TAIL_MAX}
    rows = prepared.ask(_AROUND.replace("<columns>", prepared.columns(Event, "e")), asked)
    own: list[Line] = []
    tail: list[Line] = []
    for *row, is_own, name in rows:
        (own if is_own else tail).append(_line(prepared.instance(Event, tuple(row)), str(name)))
    return Around(own, tail[::-1])


def _line(event: Event, name: str) -> Line:
    who = name or (SYSTEM.name if event.actor == str(SYSTEM) else event.actor)
    shown = (what(event.type), words(event.payload), who, event.at, event.type, event.task_id)
    return Line(*shown, position=f"{event.xid}-{event.seq}")
