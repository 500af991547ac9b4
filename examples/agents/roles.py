"""Which agent works on what."""

from examples.agents.agent import Handler
from examples.agents.judge import judge
from examples.agents.planner import plan
from examples.agents.researcher import research
from examples.agents.writer import draft

ROLES: dict[str, dict[str, Handler]] = {
    "planner": {"plan": plan},
    "worker": {"research": research, "draft": draft},
    "judge": {"judge": judge},
}
