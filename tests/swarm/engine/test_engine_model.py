"""The engine against a simple model of it: whatever happens in whatever order, both agree, and every task ends."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.swarm.engine.machine import EngineMachine

# For people: so many runs, other ones each time. Without it the same few, as fits into a build.
RUNS = int(os.environ.get("CHIMERA_ENGINE_RUNS", "0"))
STEPS = int(os.environ.get("CHIMERA_ENGINE_STEPS", "30"))
PROFILE = settings(
    max_examples=RUNS or 10,
    stateful_step_count=STEPS,
    derandomize=not RUNS,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink] if RUNS else [Phase.generate],  # to shrink takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.usefixtures("db")
def test_the_engine_does_what_its_model_says() -> None:
    run_state_machine_as_test(EngineMachine, settings=PROFILE)
