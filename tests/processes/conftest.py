"""A house that the tests of one file share, and a crew in a tenant of its own for each of them."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.cast import found
from tests.processes.crew import Crew
from tests.processes.harness import House

_numbers = count(1)


@pytest.fixture
def crew(running: House, tmp_path: Path) -> Iterator[Crew]:
    running.complete("relay", "web")
    crew = Crew(found(f"Acme {next(_numbers)}", time_zone="Europe/Lisbon"), running, tmp_path)
    try:
        yield crew
    finally:
        crew.end()
