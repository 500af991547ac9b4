"""Controls: the machine that finds nothing in the engine finds what is planted there."""

import re

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.swarm.engine.defects import DEFECTS, SEEDS, Plant
from tests.swarm.engine.machine import EngineMachine

PROFILE = settings(
    max_examples=60,  # it ends with the first that finds something
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
FEW = settings(PROFILE, max_examples=2)  # of full length from the first: the first tenth of many are short ones


def play(plant: Plant) -> None:
    """First along its seed; if the rules have changed since, and that leads past it, as long as it takes."""
    if plant in SEEDS:
        run_state_machine_as_test(seed(SEEDS[plant])(type("Seeded", (EngineMachine,), {})), settings=FEW)
    run_state_machine_as_test(EngineMachine, settings=PROFILE)


@pytest.mark.slow
@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(("plant", "said"), DEFECTS.items(), ids=[plant.__name__ for plant in DEFECTS])
def test_control_a_planted_defect_is_found(plant: Plant, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError) as found:
        play(plant)
    assert re.search(said, str(found.value).partition("\n")[0])
