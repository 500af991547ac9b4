"""`manage.py campaign FOLDER`: starts or continues a campaign, tells what happens, and writes what came of it."""

import json
import logging
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from chimera.campaign import brief as briefs
from chimera.campaign import harvesting, narrating, reporting
from chimera.campaign.access import Access
from chimera.campaign.brief import Brief, BriefRefused
from chimera.campaign.calls import CallFailed, Calls
from chimera.campaign.continuing import earlier
from chimera.campaign.following import Ending, Follower
from chimera.campaign.harvesting import Harvest
from chimera.campaign.launching import Launched, launch

PATIENCE_SECONDS = 180  # without any event while tasks wait, before we give up


class Command(BaseCommand):
    help = "Starts a campaign from a folder with brief.toml and texts/, follows it, and writes out/<name>/."
    requires_system_checks: list[str] = []  # a client: it needs no database of its own

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--url", default="", help="of Chimera; default: what `make up` wrote to dev.json")
        parser.add_argument("--token", default="", help="personal token with the roles operator, reviewer and finance")
        parser.add_argument("--out", type=Path, default=Path("out"), help="default: out/")
        parser.add_argument("--patience", type=int, default=PATIENCE_SECONDS, metavar="SECONDS")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--new", action="store_true", help="start anew, also while an earlier session still runs")
        which.add_argument(
            "--continue", action="store_true", dest="go_on", help="the last session, also when nothing moves in it"
        )
        parser.add_argument("--json", action="store_true", help="a summary on stdout; the progress goes to stderr")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(stderr=options["json"], highlight=False, soft_wrap=True)
        self.started = time.monotonic()
        logging.getLogger("httpx").setLevel(logging.WARNING)  # our lines tell what happens, not our calls
        try:
            brief = briefs.read(options["folder"])
            access = Access.found(settings.HOME, url=options["url"], token=options["token"])
        except (BriefRefused, CallFailed) as error:
            raise CommandError(str(error)) from None
        calls = Calls(access.url, access.token)
        try:
            self._run(brief, access, calls, options)
        except CallFailed as error:
            raise CommandError(str(error)) from None
        finally:
            calls.close()

    def _run(self, brief: Brief, access: Access, calls: Calls, options: dict[str, Any]) -> None:
        known = None if options["new"] else earlier(calls, brief, access.session)
        if options["go_on"] and known is None:
            raise CommandError(f"There is no session of {brief.name!r} to continue; start one without --continue.")
        going_on = known if known and (known.unfinished or options["go_on"]) else None
        launched = going_on.launched if going_on else launch(calls, brief)
        access.remember(session=launched.session)
        self._say_where(brief, launched, calls.base_url)
        follower = Follower(
            calls,
            launched.session,
            tell=self._tell,
            hint=lambda words: self._say("yellow", words),
            patience_seconds=options["patience"],
        )
        try:
            if going_on:
                begun = f"continuing session {launched.session}, begun at {going_on.begun_at}"
                self._say("bold", f"{begun}: {follower.catch_up()} events so far")
            ending = follower.until_settled().value
        except KeyboardInterrupt:
            ending = "no longer watched; the agents go on"
        harvest = harvesting.harvest(calls, launched, follower.standing())
        report = reporting.report(brief, launched, harvest, base_url=calls.base_url, ending=ending)
        folder = options["out"] / brief.slug
        reporting.write(folder, report=report, harvest=harvest, timeline=follower.timeline)
        self._say_what(harvest, folder, calls.base_url)
        if options["json"]:
            self.stdout.write(json.dumps(_summary(launched, harvest, folder, ending)))
        if ending == Ending.STALLED.value:
            open_tasks = len(follower.standing().moving)
            raise CommandError(
                f"Nothing has moved for {options['patience']} s, and {open_tasks} tasks wait for an agent."
            )

    def _say_where(self, brief: Brief, launched: Launched, base_url: str) -> None:
        money = f"{brief.render_usd} USD each, {brief.daily_usd} USD a day"
        self._say("bold", f"{brief.name}: {len(brief.texts)} texts, {brief.posts} posts, {money}")
        self._say("", f"  admin      {base_url}/admin/")
        self._say("", f"  live       {base_url}/live/sessions/{launched.session}/")
        self._say("", f"  API docs   {base_url}/api/docs/")

    def _tell(self, event: dict[str, Any], tasks: dict[str, dict[str, Any]]) -> None:
        if told := narrating.line(event):
            style, words = told
            label = narrating.label(tasks.get(event.get("task") or ""), tasks)
            self._say(style, f"{time.monotonic() - self.started:6.1f} s  {label[:60]:<60}  {words}")

    def _say_what(self, harvest: Harvest, folder: Path, base_url: str) -> None:
        spend, files = harvest.spend, reporting.learnt_from(harvest)
        counts = ", ".join(f"{count} {name}" for name, count in harvest.by_outcome().items() if count)
        waits = f"{len(harvest.cards)} cards" if harvest.cards else "nothing"
        self._say("bold", "\nWhat came of it")
        self._say("green", f"  done       {len(harvest.posts)} posts{': ' if counts else ''}{counts}")
        held = f"{spend['held_usd']} more held, {spend['denied_usd']} refused"
        money = f"{spend['captured_usd']} of {spend['limit_usd']} USD, {held}"
        self._say("cyan", f"  spent      {money}")
        self._say("yellow", f"  waiting    {waits} for a human")
        for card in harvest.cards:
            self._say("", f"             {card['about']}: {', '.join(reason['code'] for reason in card['reasons'])}")
        self._say(
            "", f"  learnt     {len(harvest.memories)} memories from {len([name for name in files if name])} texts"
        )
        for trouble in harvest.troubles:
            self._say(
                "red",
                f"  failed     {trouble['type']} {trouble['about']}: {(trouble['error'] or {}).get('message', '')}",
            )
        self._say("", f"  written    {folder}/report.md, posts.json, spend.json, memories.json, timeline.jsonl")
        if harvest.cards:
            self._say("", "\n" + reporting.how_to_decide(base_url))

    def _say(self, style: str, words: str) -> None:
        self.console.print(words, style=style or None, markup=False)


def _summary(launched: Launched, harvest: Harvest, folder: Path, ending: str) -> dict[str, Any]:
    money = {name: value for name, value in harvest.spend.items() if name not in {"transactions", "windows"}}
    return {
        "campaign": launched.campaign,
        "session": launched.session,
        "ending": ending,
        "posts": harvest.by_outcome(),
        "spend": money,
        "cards": harvest.cards,
        "memories": len(harvest.memories),
        "tasks": harvest.counts,
        "out": str(folder),
    }
