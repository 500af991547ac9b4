"""A browser in front of a running house: web and relay as processes of their own, on a morning at Acme."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model

from tests.browser.screen import Screen
from tests.cast import Stage
from tests.processes.harness import House
from tests.scene import Scene, play

PASSWORD = "harbour-baths-1911"


@pytest.fixture
def scene(acme: Stage, settle: Callable[[], None]) -> Scene:
    return play(acme, settle)


@pytest.fixture
def house(scene: Scene, tmp_path: Path) -> Iterator[House]:
    """After the scene, whose lanes were stepped in this process; from now on the relay steps them."""
    found = House(tmp_path, [])
    found.start("web", "relay")
    yield found
    found.stop()


@pytest.fixture
def screen(acme: Stage, house: House) -> Iterator[Screen]:
    """A browser at the login page; the boss may log in by `log_in`."""
    boss = get_user_model().objects.get(pk=acme.boss.id)
    boss.set_password(PASSWORD)
    boss.save()
    opened = Screen(house.url)
    yield opened
    opened.close()
