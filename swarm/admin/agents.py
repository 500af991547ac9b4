"""Agents: who is alive, what each holds, and their keys."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chimera.flows.stop_work import kill_agent, revoke_leases
from chimera.kernel import clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.console import panels, show
from chimera.kernel.console.panels import Panel
from chimera.kernel.console.site import site
from chimera.kernel.console.verbs import Because, Verb
from swarm import liveness
from swarm.actions import agents
from swarm.admin import looks, steering
from swarm.admin.named import NamedAdmin
from swarm.models import AgentKey, AgentProfile, Task
from swarm.states import AGENT_STATES, AgentStatus, TaskStatus

KEYS_SHOWN_MAX = 20


def _pause(agent: AgentProfile, said: dict[str, Any], by: Actor) -> None:
    agents.pause(agent=agents.lock(agent.pk), reason=said["reason"], by=by)


def _resume(agent: AgentProfile, said: dict[str, Any], by: Actor) -> None:
    agents.resume(agent=agents.lock(agent.pk), reason="", by=by)


def _kill(agent: AgentProfile, said: dict[str, Any], by: Actor) -> None:
    kill_agent(agent_id=agent.pk, reason=said["reason"], by=by)
    tenant_id, reason = tenancy.current(), "its agent was killed"
    steering.sweep_afterwards(revoke_leases, tenant_id=tenant_id, agent_id=agent.pk, reason=reason, by=by)


def _rotate(agent: AgentProfile, said: dict[str, Any], by: Actor) -> str:
    return agents.issue_key(agent=agents.lock(agent.pk), by=by)


VERBS = (
    steering.pause(
        run=_pause,
        offered=lambda a: a.takes_work,
        hint="It claims nothing new, and may finish what it holds.",
    ),
    steering.resume(
        run=_resume,
        offered=lambda a: AGENT_STATES.can(a.status, AgentStatus.ACTIVE) and not a.is_silent,
        hint="A suspended agent also needs a new key.",
    ),
    Verb(
        name="rotate_key",
        label="New key",
        past="made a new key for",
        roles=looks.OPERATORS,
        run=_rotate,
        reveals="The new key",
        hint="Older keys go on for 24 hours.",
    ),
    Verb(
        name="kill",
        label="Kill",
        past="killed",
        roles=looks.OPERATORS,
        run=_kill,
        form=Because,
        confirm="Kill it now",
        offered=lambda a: AGENT_STATES.can(a.status, AgentStatus.SUSPENDED),
        tone="danger",
        hint="Its keys and leases are revoked at once; its tasks go to others.",
    ),
)


@admin.register(AgentProfile, site=site)
class AgentAdmin(NamedAdmin):
    nouns = "Agents"
    verbs = VERBS
    empty_sentence = "No agent yet. An operator registers one through the API and gets its key."
    quick_links: ClassVar = (
        ("All", {}),
        ("Active", {"status__exact": "active"}),
        ("Paused", {"inactive_because__exact": "paused"}),
        ("Silent", {"inactive_because__exact": "silent"}),
        ("Suspended", {"status__exact": "suspended"}),
    )
    list_display = ("name", "alive", "status_shown", "role", "slots", "can_do")
    list_filter = ("status", "inactive_because", "role")
    ordering = ("name", "pk")

    def prepare(self, request: HttpRequest, rows: list[AgentProfile]) -> None:
        """One query and one MGET for the whole page."""
        ids = [row.pk for row in rows]
        running = Task.objects.filter(agent_id__in=ids, status=TaskStatus.RUNNING).order_by().values("agent_id")
        held = {row["agent_id"]: row["number"] for row in running.annotate(number=Count("pk"))}
        heard = liveness.heard_of(ids)
        for row in rows:
            row.held = held.get(row.pk, 0)  # type: ignore[attr-defined]
            row.heard = heard.get(row.pk)  # type: ignore[attr-defined]

    @admin.display(description="Alive")
    def alive(self, agent: AgentProfile) -> SafeString:
        heard: str | None = agent.heard  # type: ignore[attr-defined]
        if heard is None:
            return show.label("silent", "plain", "Not heard of in the last 30 seconds")
        return show.label("alive", "good", f"Heard of {show.spoken(datetime.fromisoformat(heard))}")

    @admin.display(description="Status")
    def status_shown(self, agent: AgentProfile) -> SafeString:
        return looks.status(agent.inactive_because or agent.status)

    @admin.display(description="Slots")
    def slots(self, agent: AgentProfile) -> str:
        return f"{agent.held} of {agent.max_slots}"  # type: ignore[attr-defined]

    @admin.display(description="Can")
    def can_do(self, agent: AgentProfile) -> str:
        return ", ".join(agent.capabilities) or show.NOTHING

    def panels(self, request: HttpRequest, agent: AgentProfile) -> list[Panel]:
        return [
            self._holds(request, agent),
            self._keys(agent),
            *([panels.json_value("Tools", agent.tools_config)] if agent.tools_config else []),
            panels.facts(
                "Agent",
                [
                    ("Status", self.status_shown(agent)),
                    ("Alive", self.alive(agent)),
                    ("Last heard of", show.moment(agent.last_seen_at)),
                    ("Role", agent.role),
                    ("Can", ", ".join(agent.capabilities)),
                    ("Slots", self.slots(agent)),
                    ("Registered", show.moment(agent.created_at)),
                ],
            ),
        ]

    def _holds(self, request: HttpRequest, agent: AgentProfile) -> Panel:
        found = Task.objects.filter(agent=agent, status=TaskStatus.RUNNING).select_related("session")
        rows = [
            (
                self.link(request, "swarm.task", t.pk, show.short(t.description or t.type, 70)),
                str(t.session),
                show.moment(t.started_at),
                show.moment(t.lease_expires_at),
            )
            for t in found.defer("input_payload", "metadata").order_by("pk")[: agent.max_slots]
        ]
        columns = ("Task", "Session", "Since", "Lease until")
        return panels.table("What it holds", columns, rows, empty="Nothing right now.")

    def _keys(self, agent: AgentProfile) -> Panel:
        found = AgentKey.objects.filter(agent=agent).order_by("-pk")[:KEYS_SHOWN_MAX]
        rows = [
            (
                f"{k.prefix}…",
                _standing(k),
                show.moment(k.created_at),
                show.moment(k.expires_at),
                show.moment(k.last_used_at),
            )
            for k in found
        ]
        return panels.table("Keys", ("Begins with", "", "Made", "Ends", "Last used"), rows, empty="It has no key.")


def _standing(key: AgentKey) -> SafeString:
    if key.revoked_at:
        return show.label("revoked", "bad")
    if key.expires_at and key.expires_at <= clock.now():
        return show.label("ended", "plain")
    return show.label("valid", "good")
