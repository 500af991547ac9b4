"""The first page: what waits, what runs, what was spent, for as much of it as the person may see."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from chimera.flows import show_dashboard as today
from chimera.kernel import clock
from chimera.kernel.console import panels, show
from chimera.kernel.console.caller import caller, may
from chimera.kernel.console.panels import Panel
from chimera.kernel.identity import Role
from swarm.admin import looks

REVIEWERS = frozenset({Role.REVIEWER, Role.AUDITOR, Role.ADMIN})
FINANCE = frozenset({Role.FINANCE, Role.AUDITOR, Role.ADMIN})
Tile = dict[str, Any]


def index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK."""
    tiles: list[Tile] = []
    shown: list[Panel] = []
    for roles, part in ((REVIEWERS, _cards), (looks.VIEWERS, _work), (FINANCE, _money), (looks.VIEWERS, _machinery)):
        if may(request, roles):
            more_tiles, more_panels = part()
            tiles += more_tiles
            shown += more_panels
    known = caller(request)
    greeting = f"{known.membership.tenant_name}, {clock.now():%A %d %B}" if known else "Today"
    return context | {"tiles": tiles, "panels": shown, "greeting": greeting, "title": "Today"}


def _cards() -> tuple[list[Tile], list[Panel]]:
    found = today.cards()
    words = f"{found.overdue} overdue" if found.overdue else "nothing overdue"
    tone = "bad" if found.overdue else "warn" if found.waiting else ""
    tile = _tile("Waiting cards", "fact_check", _number(found.waiting), words, _list("safety_reviewcard"), tone)
    rows = [
        (
            _link("safety_reviewcard", c.pk, show.short("; ".join(r["detail"] for r in c.reasons), 80)),
            str(c.session),
            show.moment(c.due_at, due=True),
        )
        for c in found.next
    ]
    return [tile], [
        panels.table("Next to decide", ("Why", "Session", "Due"), rows, empty="Nobody waits for a decision.")
    ]


def _work() -> tuple[list[Tile], list[Panel]]:
    found = today.work()
    tiles = [
        _tile(
            "Running sessions",
            "play_circle",
            _number(found.running_sessions),
            "handing out work",
            _list("swarm_swarmsession", "status__exact=running"),
        ),
        _tile(
            "Running tasks",
            "bolt",
            _number(found.running),
            f"{_number(found.queued)} in the queue, {_number(found.blocked)} blocked",
            _list("swarm_task", "status__exact=running"),
        ),
        _tile(
            "Dead letters",
            "mark_email_unread",
            _number(found.failed),
            "failed for good",
            _list("swarm_task", "status__exact=failed"),
            "warn" if found.failed else "",
        ),
    ]
    sessions = [
        (_link("swarm_swarmsession", s.pk, str(s)), str(s.campaign or show.NOTHING), show.moment(s.created_at))
        for s in found.sessions
    ]
    failures = [
        (
            _link("swarm_task", t.pk, show.short(t.description or t.type, 50)),
            show.short((t.error or {}).get("message", ""), 70),
            show.moment(t.completed_at),
        )
        for t in found.failures
    ]
    return tiles, [
        panels.table("Running sessions", ("Session", "Campaign", "Began"), sessions, empty="No session runs."),
        panels.table("Dead letters", ("Task", "Why", "When"), failures, empty="No task has failed for good."),
    ]


def _money() -> tuple[list[Tile], list[Panel]]:
    found = today.money()
    tile = _tile(
        "Spent today",
        "payments",
        show.usd(found.spent_usd),
        "captured, held and in review",
        _list("commerce_transaction"),
    )
    return [tile], [panels.custom("The tenant's budgets", "console/panels/usage.html", budgets=found.usage)]


def _machinery() -> tuple[list[Tile], list[Panel]]:
    alive, known = today.agents()
    parked = today.parked()
    return [
        _tile(
            "Agents alive",
            "smart_toy",
            f"{alive} of {known}",
            "heard of in the last 30 seconds",
            _list("swarm_agentprofile"),
        ),
        _tile(
            "Parked events",
            "inventory_2",
            _number(parked),
            "put aside by a slow lane",
            _list("kernel_parkedevent"),
            "bad" if parked else "",
        ),
    ], []


def _tile(name: str, icon: str, figure: str, words: str, link: str, tone: str = "") -> Tile:
    return {"name": name, "icon": icon, "figure": figure, "words": words, "link": link, "tone": tone}


def _number(count: int) -> str:
    return f"{today.COUNTED_MAX}+" if count > today.COUNTED_MAX else str(count)


def _list(noun: str, query: str = "") -> str:
    return reverse(f"admin:{noun}_changelist") + (f"?{query}" if query else "")


def _link(noun: str, row_id: Any, text: str) -> Any:
    return show.link(reverse(f"admin:{noun}_change", args=[row_id]), text)
