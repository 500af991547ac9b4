"""`manage.py up`: servers, migrations, web, relay, worker and agents, until Ctrl-C or SIGTERM."""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chimera import env
from chimera.kernel.embedded import AlreadyRunning, ServerFailed, ports
from chimera.kernel.embedded.folder import Hold, open_home
from chimera.kernel.loop import Stop
from chimera.management.plan import Plan
from chimera.management.servers import Servers
from chimera.management.supervisor import Supervisor

LOOK_SECONDS = 0.1
PREPARE_SECONDS = 300.0  # migrations of a large database
READY_SECONDS = 60.0
STOP_SECONDS = 7.0  # half for the agents, half for those who serve; with the servers all is over within ten
CAMPAIGN = "examples/harbour-launch/"


class Stopped(Exception):
    """Asked to end before everything was up."""


class Command(BaseCommand):
    help = "Starts everything for development: servers, web, relay, worker, agents and the example campaign."
    requires_system_checks: list[str] = []  # there is no database yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-campaign", action="store_true", help="only serve: no agents, no campaign")
        parser.add_argument("--agents", action="store_true", help="start the built-in agents also without a campaign")
        parser.add_argument("--campaign", default=CAMPAIGN, metavar="FOLDER", help=f"default: {CAMPAIGN}")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stop_asked = Stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop_asked.now())
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means: go on
            signal.signal(signal.SIGHUP, lambda *_: self.stop_asked.now())
        home = open_home(settings.HOME)
        hold = Hold(home / "up.lock")
        try:
            hold.take("`manage.py up`")
            if not ports.is_free(settings.PORT):
                raise CommandError(
                    f"port {settings.PORT} is in use by another program; "
                    f"choose a free one: CHIMERA_PORT={settings.PORT + 1} make up"
                )
            self.servers = Servers(home, os.environ, self.say)
        except (AlreadyRunning, ServerFailed) as refusal:
            raise CommandError(str(refusal)) from None
        self.supervisor = Supervisor(self.say)
        self.moved: set[str] = set()
        try:
            with suppress(Stopped):
                self._run(options)
        except ServerFailed as failure:
            raise CommandError(str(failure)) from None
        finally:
            self.say("stopping")
            self.supervisor.stop(seconds=STOP_SECONDS)
            self.servers.stop()
            hold.release()
            self.say("stopped")

    def say(self, line: str) -> None:
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError:  # Whoever read us has gone; the servers stay.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115

    def _run(self, options: dict[str, Any]) -> None:
        self.servers.start()
        campaign = not options["no_campaign"]
        self._prepare(only_serve=not campaign)
        with_agents = campaign or options["agents"]
        self.supervisor.start(*self._plan().serving())
        self._wait(self._is_ready, READY_SECONDS, "the web process")
        if with_agents:
            self._start_agents()
        self.say(f"ready: {settings.BASE_URL}")
        if campaign:
            self.supervisor.start(self._plan().campaign(options["campaign"]))
        while not self.stop_asked.wait(LOOK_SECONDS):
            self.moved |= self.servers.tend()
            if self.moved:
                self._move(with_agents)
            self.supervisor.tend()

    def _plan(self) -> Plan:
        return Plan(settings.BASE_DIR, settings.HOME, settings.PORT, settings.BASE_URL, self.servers.urls)

    def _prepare(self, *, only_serve: bool) -> None:
        self.say("migrating")
        self.supervisor.start(self._plan().prepare(only_serve=only_serve))
        child = self.supervisor.child("prepare")
        self._wait(lambda: not child.alive(), PREPARE_SECONDS, "`manage.py prepare`")
        if child.process.returncode != 0:
            raise CommandError(f"`manage.py prepare` failed ({child.spec.log}):\n{child.process.last_words(30)}")

    def _start_agents(self) -> None:
        keys = json.loads((settings.HOME / "dev.json").read_text())["agents"]
        self.supervisor.start(*self._plan().agents(keys))

    def _move(self, with_agents: bool) -> None:
        """A server came back at another address: whoever knows the old one starts again."""
        self.moved = set()
        self.supervisor.stop(seconds=STOP_SECONDS)
        self.supervisor.start(*self._plan().serving())
        if with_agents:
            self._start_agents()

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self.stop_asked.wait(LOOK_SECONDS):
                raise Stopped
            if time.monotonic() > deadline:
                raise CommandError(f"{what} was not ready after {seconds:.0f} s; see {settings.HOME / 'logs'}")
            self.moved |= self.servers.tend()
            if self.moved.intersection(env.SERVERS):
                raise ServerFailed("a server came back at another address in the middle of the start; start again")
            self.supervisor.tend()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{ports.LOOPBACK}:{settings.PORT}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
