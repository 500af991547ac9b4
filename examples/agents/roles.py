"""Which agent works on what."""

from chimera_sdk import Agent
from examples.agents.judge import judge
from examples.agents.planner import plan
from examples.agents.researcher import research
from examples.agents.writer import draft

ROLES = {
    "planner": {"plan": plan},
    "worker": {"research": research, "draft": draft},
    "judge": {"judge": judge},
}


def agent_of(role: str, url: str | None = None, key: str | None = None) -> Agent:
    agent = Agent(url, key)
    for type, handler in ROLES[role].items():
        agent.task(type)(handler)
    return agent
