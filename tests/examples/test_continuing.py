"""A campaign that was left in the middle is continued by the next `manage.py campaign`; a settled one begins anew."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.cast import Caller, Stage
from tests.examples import harbour
from tests.processes.harness import House

pytestmark = pytest.mark.slow


@pytest.fixture
def house(acme: Stage, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, [])
    made.start("web")
    try:
        yield made
    finally:
        made.stop()


class Desk:
    """A person with a dev.json at a house without agents: what is queued stays so, until `cancel`."""

    def __init__(self, house: House, boss: Caller, home: Path) -> None:
        self.boss, self.home = boss, home
        self.dev = home / "dev.json"
        self.dev.write_text(json.dumps({"base_url": house.url, "token": boss.secret, "session": None}))

    def run(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        """A run with no patience: it gives up when nothing moves."""
        try:
            call_command("campaign", str(harbour.FOLDER), "--patience", "0", "--out", str(self.home / "out"), *words)
        except CommandError as error:
            return capsys.readouterr().out + str(error)
        return capsys.readouterr().out

    @property
    def session(self) -> str:
        return str(json.loads(self.dev.read_text())["session"])

    def counts(self) -> list[int]:
        return [len(self.boss.get(name).ok()["results"]) for name in ("campaigns", "sessions", "budgets")]

    def cancel(self) -> None:
        for task in self.boss.get("tasks", session=self.session).ok()["results"]:
            self.boss.post(f"tasks/{task['id']}/cancel", {"reason": "enough"}).ok()


def test_what_is_unfinished_goes_on_and_what_is_settled_begins_anew(
    acme: Stage, house: House, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.HOME = tmp_path
    desk = Desk(house, acme.boss, tmp_path)
    assert "no session of 'Harbour" in desk.run(capsys, "--continue")
    assert "continuing" not in desk.run(capsys)
    first = desk.session
    assert desk.counts() == [1, 1, 1]

    assert f"continuing session {first}, begun at 20" in desk.run(capsys)
    assert (desk.session, desk.counts()) == (first, [1, 1, 1])
    timeline = (tmp_path / "out" / harbour.brief().slug / "timeline.jsonl").read_text().splitlines()
    assert json.loads(timeline[0])["type"].startswith("swarm.session.")

    assert "continuing" not in desk.run(capsys, "--new")
    assert desk.counts() == [2, 2, 2]
    second = desk.session

    desk.cancel()
    assert f"continuing session {second}" in desk.run(capsys, "--continue")
    assert desk.counts() == [2, 2, 2]
    assert "continuing" not in desk.run(capsys)
    assert desk.counts() == [3, 3, 3]
    assert desk.session not in (first, second)
