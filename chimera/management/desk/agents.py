"""`chimera agents`: who is there, who was heard of, and how much each holds."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.db.models import Count

from chimera.kernel import tenancy
from chimera.kernel.console import show
from chimera.kernel.identity import AGENT_ROLES
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from swarm import liveness
from swarm.models import AgentProfile, Task
from swarm.states import AgentStatus, TaskStatus

AGENTS_MAX = 1_000  # asked for signs of life in one MGET
COLUMNS = ("id", "name", "role", "status", "alive", "last beat", "used", "free", "load")


@dataclass(frozen=True, slots=True)
class Standing:
    id: UUID
    name: str
    role: str
    status: str
    inactive_because: str  # paused, silent, or nothing
    is_alive: bool  # heard of in the last half minute, as Redis knows
    last_beat_at: datetime | None  # to a quarter of a minute, where only PostgreSQL knows; None: never heard of
    slots_used: int
    slots_free: int
    load: float  # share of its slots in use


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--role", choices=[str(r) for r in sorted(AGENT_ROLES)])
    parser.add_argument("--status", choices=[str(s) for s in AgentStatus])


def run(house: House, options: dict[str, Any], paper: Paper) -> int:
    found = standings(house, role=options["role"], status=options["status"])
    if paper.as_json:
        for standing in found:
            paper.told(asdict(standing))
        return 0
    paper.table(COLUMNS, [_row(standing) for standing in found], empty="No agent is like that.")
    if len(found) == AGENTS_MAX:
        paper.line(f"The first {AGENTS_MAX} by name; --role and --status show others.", "dim")
    return 0


def standings(house: House, *, role: str | None = None, status: str | None = None) -> list[Standing]:
    asked = {name: value for name, value in (("role", role), ("status", status)) if value}
    with tenancy.bound(house.id):
        agents = list(AgentProfile.objects.filter(**asked).order_by("name")[:AGENTS_MAX])
        held = Task.objects.filter(status=TaskStatus.RUNNING, agent__in=[a.pk for a in agents]).order_by()
        used = dict(held.values_list("agent_id").annotate(number=Count("pk")))
    heard = liveness.heard_of([agent.pk for agent in agents])
    return [_standing(agent, used.get(agent.pk, 0), heard[agent.pk]) for agent in agents]


def _standing(agent: AgentProfile, used: int, heard: str | None) -> Standing:
    free = max(0, agent.max_slots - used)
    load = round(used / agent.max_slots, 2)
    status, because = agent.status, agent.inactive_because
    beat = datetime.fromisoformat(heard) if heard else agent.last_seen_at
    return Standing(agent.pk, agent.name, agent.role, status, because, heard is not None, beat, used, free, load)


def _row(standing: Standing) -> tuple[object, ...]:
    beat = show.spoken(standing.last_beat_at) if standing.last_beat_at else show.NOTHING
    alive = "alive" if standing.is_alive else "silent"
    used, free, load = standing.slots_used, standing.slots_free, f"{standing.load:.0%}"
    status = standing.inactive_because or standing.status
    return (standing.id, standing.name, standing.role, status, alive, beat, used, free, load)
