"""A browser in front of a running house: web and relay as processes of their own, on a morning at Acme."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.browser.screen import Chromium, Screen
from tests.cast import Stage
from tests.processes.harness import House
from tests.scene import Scene, play

PASSWORD = "harbour-baths-1911"


@pytest.fixture
def scene(acme: Stage, settle: Callable[[], None]) -> Scene:
    return play(acme, settle)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Iterator[House]:
    """The web process of all these tests: each brings a tenant of its own, and who logged in for another is nobody."""
    found = House(tmp_path_factory.mktemp("house"), [])
    with django_db_blocker.unblock():
        found.start("web")
    yield found
    found.stop()


@pytest.fixture
def house(scene: Scene, served: House) -> Iterator[House]:
    """After the scene, whose lanes were stepped in this process; from now on the relay steps them."""
    served.complete("web", "relay")
    yield served
    served.stop("relay")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    launched = Chromium()
    yield launched
    launched.close()


@pytest.fixture
def screen(acme: Stage, house: House, chromium: Chromium) -> Iterator[Screen]:
    """A browser at the login page; the boss may log in by `log_in`."""
    boss = get_user_model().objects.get(pk=acme.boss.id)
    boss.set_password(PASSWORD)
    boss.save()
    opened = Screen(chromium, house.url)
    yield opened
    opened.close()
