"""`chimera stop | kill | pause | resume WHAT`: an agent, a session, a campaign, the tenant, or everything; with a reason.

`stop` and `kill` are one: an agent is killed, a session or a campaign ends for good, a tenant or everything stands still until it is
resumed. Nothing of what was stopped is accepted from then on.
"""

import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from chimera.flows import cancel_task, stop_tenant, stop_work
from chimera.kernel import redis, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.spelling import plain
from chimera.management.desk import acting, choosing
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from swarm.actions import agents, campaigns, sessions
from swarm.states import StopKind

EVERYTHING = "everything"
TENANT = "tenant"
STOPPING = ("stop", "kill")
PAST = {"stop": "stopped", "kill": "stopped", "pause": "paused", "resume": "resumed"}

Change = Callable[[UUID, str, Actor], object]  # of whom, why, in whose name; in the tenant's transaction
_CHANGES: dict[str, tuple[Change, Change, Change]] = {  # stop, pause, resume
    "agent": (
        lambda it, why, by: stop_work.kill_agent(agent_id=it, reason=why, by=by),
        lambda it, why, by: agents.pause(agent=agents.lock(it), reason=why, by=by),
        lambda it, why, by: agents.resume(agent=agents.lock(it), reason=why, by=by),
    ),
    "session": (
        lambda it, why, by: stop_work.stop_session(session_id=it, reason=why, by=by),
        lambda it, why, by: sessions.pause(session=sessions.lock(it), reason=why, by=by),
        lambda it, why, by: sessions.resume(session=sessions.lock(it), reason=why, by=by),
    ),
    "campaign": (
        lambda it, why, by: stop_work.stop_campaign(campaign_id=it, reason=why, by=by),
        lambda it, why, by: campaigns.pause(campaign=campaigns.lock(it), reason=why, by=by),
        lambda it, why, by: campaigns.resume(campaign=campaigns.lock(it), reason=why, by=by),
    ),
}


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("what", choices=[*_CHANGES, TENANT, EVERYTHING])
    parser.add_argument("id", nargs="?", type=choosing.an_id, metavar="ID", help="of the agent, session or campaign")
    parser.add_argument("--reason", required=True, help="kept in the event log, and shown to whoever waits")
    parser.add_argument("--as", dest="username", metavar="USERNAME", help="in whose name it is done")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(house: House, options: dict[str, Any], paper: Paper) -> int:
    """Of the tenant, or of something in it."""
    _check_reason(options["reason"])
    verb, what, named = options["verb"], options["what"], options["id"]
    by = acting.operator(house, options["username"])
    if what == TENANT:
        _check_nameless(named)
        _agree(verb, f"all work of {house.name}", yes=options["yes"])
        return _report(paper, verb, f"all work of {house.name}", _tenant(house, verb, options["reason"], by))
    if named is None:
        raise CommandError(f"Say which {what}, by its id.")
    shown = f"{what} {named} of {house.name}"
    _agree(verb, shown, yes=options["yes"])
    stop, pause, resume = _CHANGES[what]
    with tenancy.bound(house.id):
        {"pause": pause, "resume": resume}.get(verb, stop)(named, options["reason"], by)
    return _report(paper, verb, shown, _swept(house, what, named, by) if verb in STOPPING else 0)


def run_everywhere(options: dict[str, Any], paper: Paper) -> int:
    """Of every tenant, in the name of somebody who runs the installation."""
    _check_reason(options["reason"])
    _check_nameless(options["id"])
    verb, shown, by = options["verb"], "all work of every tenant", acting.superuser(options["username"])
    _agree(verb, shown, yes=options["yes"])
    if verb == "resume":
        stop = stop_tenant.resume_everything(reason=options["reason"], by=by)
    else:
        stop = stop_tenant.stop_everything(kind=_kind(verb), reason=options["reason"], by=by)
    return _report(paper, verb, shown, stop_tenant.follow_up(stop, by=by))


def _check_reason(reason: str) -> None:
    if not plain(reason):
        raise CommandError("Say why, with --reason; it is shown to everybody whose work stands still.")


def _check_nameless(named: UUID | None) -> None:
    if named is not None:
        raise CommandError("That has no id here; --tenant says which tenant.")


def _kind(verb: str) -> StopKind:
    return StopKind.STOP if verb in STOPPING else StopKind.PAUSE


def _tenant(house: House, verb: str, reason: str, by: Actor) -> int:
    with tenancy.bound(house.id):
        if verb == "resume":
            stop = stop_tenant.resume_tenant(reason=reason, by=by)
        else:
            stop = stop_tenant.stop_tenant(kind=_kind(verb), reason=reason, by=by)
    return stop_tenant.follow_up(stop, by=by)


def _swept(house: House, what: str, named: UUID, by: Actor) -> int:
    """Once the mark has committed, what was open or held is taken away; what one sweep leaves follows through the event log."""
    match what:
        case "agent":
            return stop_work.revoke_leases(tenant_id=house.id, agent_id=named, reason="its agent was killed", by=by)
        case "session":
            return cancel_task.cancel_open_of(tenant_id=house.id, session_id=named, by=by)
        case _:
            return stop_work.sweep_campaign(tenant_id=house.id, campaign_id=named, by=by)


def _agree(verb: str, shown: str, *, yes: bool) -> None:
    """Ask on the terminal before something stops; without one, --yes is the only way to agree."""
    if yes or verb not in STOPPING:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"This would stop {shown}; add --yes to do it without asking.")
    sys.stderr.write(f"Stop {shown}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("Nothing was stopped.")


def _report(paper: Paper, verb: str, shown: str, taken: int) -> int:
    redis.nudge()
    if paper.as_json:
        paper.told({"verb": verb, "what": shown, "taken_away": taken})
    else:
        more = f"; {taken} tasks were taken from their agents or cancelled" if taken else ""
        paper.line(f"{PAST[verb].capitalize()} {shown}{more}.", "green" if verb == "resume" else "yellow")
    return 0
