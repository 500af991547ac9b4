"""A house that the tests of one file share, and a crew in a tenant of its own for each of them."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cast import found
from tests.processes.crew import Crew
from tests.processes.harness import House, shared

_numbers = count(1)


@pytest.fixture(scope="module")
def running(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with django_db_blocker.unblock(), shared(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def crew(running: House, tmp_path: Path) -> Iterator[Crew]:
    running.complete("relay", "web")
    crew = Crew(found(f"Acme {next(_numbers)}", time_zone="Europe/Lisbon"), running, tmp_path)
    try:
        yield crew
    finally:
        crew.end()
