"""`chimera tail SESSION`: what happened, and then what happens, from one cursor; the history from PostgreSQL, the present
from the stream."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

from django.core.management.base import CommandParser

from chimera.flows.show_history import names_of, what, words
from chimera.kernel import eventlog, tenancy
from chimera.kernel.bridge import in_thread
from chimera.kernel.eventlog import START, Position
from chimera.kernel.stream.entries import Frame
from chimera.kernel.stream.follow import Following
from chimera.management.desk import choosing
from chimera.management.desk.acting import House
from chimera.management.desk.paper import Paper
from swarm.models import SwarmSession

TONES = {
    "completed": "green",
    "failed": "red",
    "denied": "red",
    "cancelled": "red",
    "dropped": "red",
    "blocked": "yellow",
}


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("session", type=choosing.an_id, metavar="SESSION")
    parser.add_argument(
        "--after", default="", metavar="POSITION", help="such as 1042-7; from the beginning unless told"
    )
    parser.add_argument("--no-follow", action="store_true", help="end where the present begins")


def run(house: House, options: dict[str, Any], paper: Paper) -> int:
    after = Position.parse(options["after"]) if options["after"] else START
    with tenancy.bound(house.id):
        SwarmSession.objects.get_or_refuse(options["session"])
        eventlog.check_not_ahead(after)
    following = Following(tenant_id=house.id, session_id=options["session"], after=after)
    try:
        asyncio.run(_tail(following, _Teller(house, paper), follow=not options["no_follow"]))
    except KeyboardInterrupt:
        return 0  # how one leaves
    return 0


async def _tail(following: Following, teller: "_Teller", *, follow: bool) -> None:
    """A viewer is sent home after an hour; we come back with our cursor."""
    while True:
        async with aclosing(following.frames()) as frames:
            async for frame in frames:
                if frame.kind == "live" and not follow:
                    return
                await teller.tell(frame)
        following = Following(tenant_id=following.tenant_id, session_id=following.session_id, after=following.stand)


class _Teller:
    def __init__(self, house: House, paper: Paper) -> None:
        self._house, self._paper = house, paper
        self._names: dict[str, str] = {}

    async def tell(self, frame: Frame) -> None:
        shape = json.loads(frame.body)
        kind = shape.pop("kind")
        if kind == "event" and self._paper.as_json:
            self._paper.told(shape)
        elif kind == "event":
            await self._event(shape)
        elif kind == "gap" and not self._paper.as_json:
            self._paper.line(f"What came after {shape['from']} was removed by retention.", "yellow")

    async def _event(self, shape: dict[str, Any]) -> None:
        who = await self._name(shape["actor"])
        payload, verb = shape["payload"], shape["type"].split(".")[2]
        about = f"{payload.get('task_type', 'task')} {shape['task'][-6:]}" if shape["task"] else ""
        parts = (shape["position"], shape["at"][11:23], what(shape["type"]), about, words(payload), f"by {who}")
        self._paper.line("  ".join(part for part in parts if part), TONES.get(verb, ""))

    async def _name(self, actor: str) -> str:
        if actor not in self._names:
            self._names[actor] = (await in_thread(self._look_up, actor)).get(actor, actor)
        return self._names[actor]

    def _look_up(self, actor: str) -> dict[str, str]:
        with tenancy.bound(self._house.id):
            return names_of([actor])
