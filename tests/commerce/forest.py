"""Trees of tasks at work: Mia, who has slots for all of them, claims and spends."""

from typing import Any

from chimera.kernel.actors import SYSTEM
from swarm.actions import agents
from tests.cast import Caller, Stage
from tests.lanes import settle


def mia_of(stage: Stage) -> Caller:
    with stage.bound():
        agent, key = agents.register(
            name="mia", role="worker", capabilities=[], tools_config={}, max_slots=64, by=SYSTEM
        )
    return Caller(key, id=str(agent.pk), name="mia")


def at_work_below(stage: Stage, who: Caller, parent: dict[str, Any], **task: Any) -> dict[str, Any]:
    """A claim of a fresh child of a task."""
    made = stage.task(parent["session"], parent_task=parent["id"], **task)
    settle()
    (claim,) = who.claim()
    assert claim["task"]["id"] == made["id"]
    return claim
