"""Rules: people pause, resume and stop, change the goal, and set limits."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.swarm.engine.creating import PICK
from tests.swarm.engine.model import Agent, House, Place
from tests.swarm.engine.money import THRESHOLD_USD, TOTAL_USD
from tests.swarm.engine.play import Play

VERBS = [
    "pause or resume a session",
    "pause or resume a session",
    "pause or resume the campaign",
    "pause or resume an agent",
    "change a context",
    "change the goal",
    "limit",
    "lift the limits",
    "stop a session",
]
HOUSES_MAX = 4  # of one run
PLACES: list[Place] = [("key", "press"), ("key", "printer"), ("key", ""), ("role", "worker"), ("tenant", "")]


class Steering(Play):
    def open_house(self, *, led: bool) -> House:
        more = {"campaign": self.campaign} if led else {}
        house = House(self.world.stage.session(**more)["id"], led=led)
        self.model.houses.append(house)
        return house

    campaign = ""

    def begin(self) -> None:
        """One session that stands alone, one of a campaign, and a little money."""
        self.campaign = self.world.stage.otto.post("campaigns", {"name": "baths", "goal": "open them"}).ok(201)["id"]
        self.open_house(led=True)
        self.open_house(led=False)
        self.world.stage.budget(total_usd=str(TOTAL_USD), approval_threshold_usd=str(THRESHOLD_USD))
        self._limits: dict[Place, str] = {}

    @rule(verb=st.sampled_from(VERBS), number=PICK, place=st.sampled_from(PLACES), most=st.sampled_from([1, 2, 3, 0]))
    def steer(self, verb: str, number: int, place: Place, most: int) -> None:
        house = self.pick(number, self.open_houses())
        match verb:
            case "pause or resume a session":
                self.turn_session(house)
            case "pause or resume the campaign":
                self.turn_campaign()
            case "pause or resume an agent":
                self.turn_agent(self.pick(number, [self.model.agents[name] for name in ("bob", "mia", "ada")]))
            case "change a context":
                self.change_context(house)
            case "change the goal":
                self.change_goal()
            case "limit":
                self.limit(place, most)
            case "lift the limits":
                self.lift_limits()
            case _ if len(self.model.houses) < HOUSES_MAX and not self.model.campaign_paused:
                self.stop_session(house)

    def turn_session(self, house: House) -> None:
        self.turn(f"sessions/{house.id}", resumes=house.paused)
        house.paused = not house.paused

    def turn_campaign(self) -> None:
        self.turn(f"campaigns/{self.campaign}", resumes=self.model.campaign_paused)
        self.model.campaign_paused = not self.model.campaign_paused

    def turn_agent(self, agent: Agent) -> None:
        self.turn(f"agents/{self.world.callers[agent.name].id}", resumes=agent.paused)
        agent.paused = not agent.paused

    def turn(self, what: str, *, resumes: bool) -> None:
        self.world.stage.otto.post(f"{what}/{'resume' if resumes else 'pause'}").ok()

    def stop_session(self, house: House) -> None:
        """Its open tasks are cancelled at once; another session takes its place."""
        self.world.stage.otto.post(f"sessions/{house.id}/stop", {"reason": "over"}).ok()
        house.ended, house.version = True, house.version + 1
        for task in self.tasks():
            if task.house is house and task.is_open:
                self.model.cancel(task)
        self.open_house(led=house.led)

    def change_context(self, house: House) -> None:
        """What is being made in this session no longer fits."""
        house.version += 1
        context = {"tide": house.version}
        self.world.stage.pia.patch(f"sessions/{house.id}", {"context": context}).ok()

    def change_goal(self) -> None:
        self.model.campaign_version += 1
        goal = f"open them, {self.model.campaign_version}"
        self.world.stage.otto.patch(f"campaigns/{self.campaign}", {"goal": goal}).ok()

    def limit(self, place: Place, most: int) -> None:
        """What runs goes on; it acts from the next claim."""
        otto, (scope, value) = self.world.stage.otto, place
        if place in self._limits:
            otto.patch(f"concurrency-limits/{self._limits[place]}", {"running_max": most}).ok()
        else:
            body = {"scope": scope, "value": value, "running_max": most}
            self._limits[place] = otto.post("concurrency-limits", body).ok(201)["id"]
        self.model.limits[place] = most

    def lift_limits(self) -> None:
        for limit in self._limits.values():
            self.world.stage.otto.post(f"concurrency-limits/{limit}/remove").ok()
        self._limits.clear()
        self.model.limits.clear()
