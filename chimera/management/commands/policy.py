"""`manage.py policy list|show|replay`: a tenant's policies, their rules, and what the last days would have been with them.

Exit codes: 0 done, 1 refused, 2 not understood.
"""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from chimera.flows.replay_policy import DAYS, DAYS_MAX, Replay, replay_policy, show_replay
from chimera.kernel import clock, tenancy
from chimera.kernel.errors import Refused, not_found
from chimera.management.desk import acting, reaching
from safety import shapes
from safety.actions import policies as actions
from safety.models import Policy

ROWS_MAX = 50_000  # of results, and of spends: a minute


class Command(BaseCommand):
    help = "Policies: list them, show their rules, replay the last days with one of them enforced."
    requires_system_checks: list[str] = []  # they need the servers, and say less plainly that these are away

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="NAME", help="the only one, where there is just one")
        parser.add_argument("--json", action="store_true", help="for programs")
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="names, status, and what those in shadow would have stopped")
        for verb, words in (("show", "its rules"), ("replay", "what would have been different")):
            one = verbs.add_parser(verb, help=words)
            one.add_argument(
                "--policy", required=True, metavar="NAME", help="or its id, as `list --json` and the API show it"
            )
            one.add_argument("--version", type=int, dest="rules_version", metavar="N", help="the newest unless told")
            if verb == "replay":
                one.add_argument(
                    "--days", type=int, default=DAYS, choices=range(1, DAYS_MAX + 1), metavar=f"1-{DAYS_MAX}"
                )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with reaching.postgresql(), tenancy.bound(acting.house(options["tenant"]).id):
                self._do(options)
        except Refused as refusal:
            raise CommandError(refusal.detail) from None

    def _do(self, options: dict[str, Any]) -> None:
        if options["verb"] == "list":
            return self._list(as_json=options["json"])
        policy = _named(options["policy"])
        row = actions.version_of(policy, options["rules_version"])
        if options["verb"] == "show":
            said = {"name": policy.name, "status": policy.status, "version": row.version, "rules": row.rules}
            self.stdout.write(json.dumps(said, indent=2))
            return None
        replay = replay_policy(policy=policy, rules=row.parsed, days=options["days"], rows_max=ROWS_MAX)
        if options["json"]:
            self.stdout.write(json.dumps(show_replay(replay), default=str))
        else:
            self.stdout.write("\n".join(_lines(replay, policy.name, row.version)))
        return None

    def _list(self, *, as_json: bool) -> None:
        for policy in Policy.objects.order_by("name"):
            stopped = shapes.would_have_stopped(policy)
            if as_json:
                self.stdout.write(json.dumps(shapes.policies([policy])[0] | {"would_have_stopped_7d": stopped}))
            else:
                said = f", would have stopped {stopped} in 7 days" if policy.status == "shadow" else ""
                self.stdout.write(f"{policy.name}: {policy.status}, version {policy.rules_version}{said}")


def _named(said: str) -> Policy:
    """A name comes first, also one that looks like an id. Refuses what is neither."""
    found: Policy | None = Policy.objects.filter(name=said).first()
    if found is None:
        try:
            found = Policy.objects.filter(pk=UUID(said)).first()
        except ValueError:
            found = None
    if found is None:
        raise not_found("policy")
    return found


def _lines(replay: Replay, name: str, version: int) -> list[str]:
    since = clock.written(replay.since)
    bounded = "" if replay.complete else ", the newest; there were more"
    shown = show_replay(replay)
    lines = [f"{name}, version {version}: {replay.looked_at} results, actions and spends since {since}{bounded}", ""]
    lines += [f"{o['kind']:8}{o['was']:>8} → {o['would_be']:8}{o['count']:8}" for o in shown["outcomes"]]
    lines += ["", "by rule:"] + [f"{r['count']:8}  {r['rule']}" for r in shown["rules"]] if shown["rules"] else []
    if replay.differences:
        lines += ["", f"what would be different (the first {len(replay.differences)}):"]
        lines += [
            f"{clock.written(each.at)}  {each.was} → {each.would_be}  {each.rule or '-'}  {each.what[:80]}  task {each.task_id}"
            for each in replay.differences
        ]
    return lines
