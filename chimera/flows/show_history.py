"""The facts of a task or a session as people read them: what happened, in words, and who did it by name. Reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model

from chimera.kernel import ids
from chimera.kernel.actors import SYSTEM, ActorKind
from chimera.kernel.eventlog import Event
from swarm.models import AgentProfile

SHOWN_MAX = 200  # facts on one page, the newest; the live timeline has them all
CLOCK_SLACK = timedelta(minutes=1)  # a fact is never older than its task, by any process's clock


@dataclass(frozen=True, slots=True)
class Told:
    what: str  # "task claimed"
    words: str  # "attempt 2"
    who: str
    at: datetime
    type: str
    task_id: UUID | None


def history_of_task(task_id: UUID, session_id: UUID) -> list[Told]:
    """Oldest first. In three queries, bounded by the task's own id, which prunes the months before it."""
    since = ids.first_of(ids.time_of(task_id) - CLOCK_SLACK)
    rows = Event.objects.filter(session_id=session_id, task_id=task_id, pk__gte=since)
    return tell_of(list(rows.order_by("-xid", "-seq")[:SHOWN_MAX])[::-1])


def tell_of(events: Sequence[Event]) -> list[Told]:
    names = names_of(event.actor for event in events)
    return [Told(what(e.type), words(e.payload), names.get(e.actor, e.actor), e.at, e.type, e.task_id) for e in events]


def what(event_type: str) -> str:
    """`swarm.task.key_issued.v1` → task key issued."""
    _, noun, verb, *_ = event_type.split(".")
    return f"{noun} {verb}".replace("_", " ")


def words(payload: dict[str, Any]) -> str:
    """The part of a fact that a person asks for next; "" where its name says everything."""
    said = []
    if payload.get("increase"):
        said.append(f"the {payload['window']} limit by ${payload['amount_usd']} to ${payload['limit_usd'] or '–'}")
    elif payload.get("percent"):
        said.append(f"{payload['percent']} % of the {payload['window']} limit of ${payload['limit_usd']}")
    elif payload.get("amount_usd"):
        said.append(
            f"${payload['amount_usd']} for {payload.get('payee') or payload.get('category') or 'an unnamed payee'}"
        )
    if isinstance(payload.get("before"), dict):
        said += [_changed(name, before, payload.get(name)) for name, before in payload["before"].items()]
    if payload.get("rules_version"):
        said.append(f"version {payload['rules_version']}")
    if payload.get("missing"):
        said.append(f"still {payload['missing']}")
    if payload.get("phase"):
        percent = f" {payload['percentage']} %" if payload.get("percentage") else ""
        said.append(f"{payload['phase']}{percent}")
    if isinstance(payload.get("memories"), list):
        said.append(_retrieved(payload["memories"]))
    if payload.get("attempt"):
        said.append(f"attempt {payload['attempt']}{', resumed' if payload.get('resumed') else ''}")
    said += [str(payload[name]) for name in ("note", "reason", "message") if payload.get(name)]
    if isinstance(payload.get("reasons"), list):
        said.append(", ".join(str(code).replace("_", " ") for code in payload["reasons"]))
    return " · ".join(said)


def _retrieved(memories: list[dict[str, Any]]) -> str:
    if not memories:
        return "nothing found"
    number = len(memories)
    return f"{number} {'memory' if number == 1 else 'memories'} found, the best {memories[0]['score']:.2f}"


def _changed(name: str, before: Any, now: Any) -> str:
    """`day_usd`, "5", "10" → day from $5 to $10; `is_active`, true, false → no longer active."""
    if isinstance(now, bool):
        return f"{'now' if now else 'no longer'} {name.removeprefix('is_').replace('_', ' ')}"
    dollars = name.endswith("_usd")
    was, is_now = ("nothing" if one in (None, "") else f"{'$' if dollars else ''}{one}" for one in (before, now))
    return f"{name.removesuffix('_usd').replace('_', ' ')} from {was} to {is_now}"


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """`kind:id` → name, in two queries for any number of them."""
    wanted = set(actors)
    people = {a.partition(":")[2] for a in wanted if a.startswith(f"{ActorKind.PERSON}:")}
    agents = {a.partition(":")[2] for a in wanted if a.startswith(f"{ActorKind.AGENT}:")}
    found = {str(SYSTEM): SYSTEM.name}
    if people:
        users = get_user_model()._default_manager.filter(pk__in=people).values_list("pk", "username")
        found |= {f"{ActorKind.PERSON}:{pk}": name for pk, name in users}
    if agents:
        rows = AgentProfile.objects.filter(pk__in=agents).values_list("pk", "name")
        found |= {f"{ActorKind.AGENT}:{pk}": name for pk, name in rows}
    return found
