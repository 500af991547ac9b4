"""The machine: hypothesis draws rules, the engine and the model follow them, and both are compared after each."""

from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.swarm.engine.checking import Checking
from tests.swarm.engine.draining import Draining
from tests.swarm.engine.model import Agent, Model
from tests.swarm.engine.world import World


class EngineMachine(Checking, Draining, RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._world = World()
        self.last_told = {}
        agents = [Agent("ada", "worker", 8), Agent("bob", "worker", 1), Agent("pia", "planner", 2)]
        agents.append(Agent("mia", "worker", 2, paints=True))
        self.model = Model(agents={agent.name: agent for agent in agents})
        self.begin()

    @property
    def world(self) -> World:
        """Who asks for it may change it, and then both are to be compared before the end."""
        self._agree = False
        return self._world

    @invariant()
    def agree(self) -> None:
        self.check()
        self._agree = True

    def teardown(self) -> None:
        try:
            if self._agree:
                self.drain()
                self.check()
        finally:
            self._world.close()
