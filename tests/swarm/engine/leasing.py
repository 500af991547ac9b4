"""Rules: agents claim, beat, hand in, come late, and are lost."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from chimera.kernel import redis
from swarm.states import TaskStatus
from tests.cast import Said
from tests.swarm.engine.creating import PICK
from tests.swarm.engine.model import LEASE, Agent, Lease, Task
from tests.swarm.engine.play import Play

AGENTS = st.sampled_from(["ada", "ada", "mia", "bob", "pia"])
ENDINGS = {
    "good": {"status": "succeeded", "output_payload": {"answer": "42"}, "confidence_score": 0.95},
    "doubtful": {"status": "succeeded", "output_payload": {"answer": "42?"}, "confidence_score": 0.8},
    "bad": {"status": "succeeded", "output_payload": {"answer": "?"}, "confidence_score": 0.3},
    "broken": {"status": "failed", "error": {"code": "broken", "message": "", "retryable": True}},
    "busy": {
        "status": "failed",
        "error": {"code": "busy", "message": "", "retryable": True, "retry_after_seconds": 30},
    },
    "hopeless": {"status": "failed", "error": {"code": "hopeless", "message": "", "retryable": False}},
}
ACTS = [*ENDINGS, "spend", "spend much", "spend much", "capture"]
ASKED = {"busy": timedelta(seconds=30)}


class Leasing(Play):
    # ------------------------------------------------------------------ claims

    @rule(name=AGENTS, most=st.sampled_from([1, 2, 3, 8]), types=st.sampled_from([[], [], [], ["read"], ["write"]]))
    def claim(self, name: str, most: int, types: list[str]) -> None:
        """Through Redis; while that is away through PostgreSQL."""
        agent, now = self.model.agents[name], self.world.now
        room = agent.slots - len(self.model.held_by(agent))
        listed = {bands: self.world.listed(agent.role, bands, types) for bands in permutations(redis.PRIORITIES)}
        claims = self.world.callers[name].claim(most, **({"types": types} if types else {}))
        got = [self.model.tasks[UUID(claim["task"]["id"])] for claim in claims]
        looked_at = self._looked_at(agent, types, listed[self.world.turns.last][: min(most, room)])
        able = room > 0 and not agent.paused
        assert len(got) == len(set(got)) <= (min(most, room) if able else 0), (
            f"{name} got {got}, and has room for {room}"
        )
        self._check_may_run(agent, got)
        if able:
            self._check_order(got, looked_at)
        for task, claim in zip(got, claims, strict=True):
            self._leased(agent, task, claim, now)

    @rule(acts=st.lists(st.tuples(PICK, st.sampled_from(ACTS)), max_size=4))
    def work(self, acts: list[tuple[int, str]]) -> None:
        """A busy moment: the relay comes by, everybody claims, and some do something at once."""
        self.come_by("relay" if self.world.is_redis_there else "queue")
        for agent in self.model.agents.values():
            if not agent.paused:
                self.claim(agent.name, 2, [])
        for number, act in acts:
            held = self.held()
            if held and act in ENDINGS:
                self.finish(number, act)
            elif held:
                self.pay(number, act)

    def _looked_at(self, agent: Agent, types: list[str], popped: list[UUID]) -> list[Task]:
        """What may be claimed as far as this claim could see, the best first."""
        now = self.world.now
        found = [task for task in self.tasks(TaskStatus.QUEUED) if self.model.may_claim(agent, task, now)]
        if types:
            found = [task for task in found if task.type in types]
        if self.world.is_redis_there:
            found = [task for task in found if task.id in popped or task.paints]
        return sorted(found, key=lambda task: task.order)

    def _check_may_run(self, agent: Agent, got: list[Task]) -> None:
        for task in got:
            assert self.model.may_claim(agent, task, self.world.now), f"{agent.name} must not get {task}"
            assert task.needs_are_met, f"{task} runs before {task.needs}"
            assert task.not_before is None or task.not_before <= self.world.now, f"{task} runs before its time"
        for place in {place for task in got for place in self.model.places(task)}:
            number = sum(place in self.model.places(task) for task in got)
            assert number <= self.model.room(place), (
                f"{number} more run under {place}, which has {self.model.room(place)}"
            )

    def _check_order(self, got: list[Task], looked_at: list[Task]) -> None:
        """Nothing is passed over for something worse, unless its key is full; and there is something while anything may run."""
        runnable: list[Task] = []
        for task in looked_at:
            better = [other for other in got if other.order < task.order]
            place = ("key", task.key)
            taken = sum(other.key == task.key for other in better)
            if task not in got and (not task.key or self.model.room(place) > taken):
                worse = [other for other in got if other.order > task.order]
                assert not worse, f"{task} was passed over for {worse}"
                runnable.append(task)
        wide = [place for task in runnable for place in self.model.places(task) if place[0] != "key"]
        if runnable and all(self.model.room(place) > 0 for place in wide):
            assert got, f"nothing was handed out of {runnable}"

    def _leased(self, agent: Agent, task: Task, claim: dict[str, Any], at: datetime) -> None:
        resumed = bool(task.resumes)
        self.model.claim(task, agent, claim["lease_token"], at)
        assert claim["attempt"] == task.attempts, f"{task} is said to be at attempt {claim['attempt']}"
        assert ("resume" in claim) == resumed, f"{task} is resumed: {resumed}"
        kept = {hold.id for hold in task.holds if hold.is_open}
        shown = {one["id"] for one in claim["resume"]["transactions"]} if resumed else set()
        assert shown == kept, f"{task} is resumed with {shown} instead of {kept}"

    # ------------------------------------------------------------------ beats

    @precondition(lambda self: self.model.leases)
    @rule(
        number=PICK,
        verb=st.sampled_from(["beat", "beat", "come late", "come late", "borrow", "vanish", "vanish", "move"]),
    )
    def go_on(self, number: int, verb: str) -> None:
        """Whoever holds a lease, or held it once."""
        lease = self.pick(number, self.near())
        match verb:
            case "beat":
                self.beat(lease)
            case "borrow":
                self.borrow(lease)
            case "vanish" | "move":
                if lease.task.lease is lease:
                    self.lose_connection(lease, renewed_since=verb == "move")
            case _ if lease.answer or lease.task.lease is not lease:
                self.take(lease, "good", self._say(lease, "result", ENDINGS["good"]))

    def beat(self, lease: Lease) -> None:
        now, task = self.world.now, lease.task
        said = self._say(lease, "heartbeat", {})
        if not self.model.is_held(lease, now):
            said.refused(409, "stale_lease")
            return
        if lease.ends - now < LEASE / 2:
            lease.ends = self.model.ends_at(task, began=lease.began, at=now)
        said.ok()

    # ------------------------------------------------------------------ results

    @precondition(lambda self: self.held())
    @rule(number=PICK, ending=st.sampled_from(list(ENDINGS)))
    def finish(self, number: int, ending: str) -> None:
        lease = self.pick(number, self.held())
        self.take(lease, ending, self._say(lease, "result", ENDINGS[ending]))

    @precondition(lambda self: len(self.held()) > 1)
    @rule(name=AGENTS, endings=st.lists(st.sampled_from(list(ENDINGS)), min_size=2, max_size=4))
    def finish_many(self, name: str, endings: list[str]) -> None:
        """In one call, the first lease twice."""
        if held := self.model.held_by(self.model.agents[name]):
            self.hand_in(held, endings)

    def hand_in(self, held: list[Lease], endings: list[str]) -> None:
        handed = [*zip(held, endings, strict=False), (held[0], endings[0])]
        bodies = [{"task": str(one.task.id), "lease_token": one.token} | ENDINGS[ending] for one, ending in handed]
        outcomes = self.world.callers[held[0].agent.name].post("claims/results", {"results": bodies}).ok()["outcomes"]
        for (lease, ending), outcome in zip(handed, outcomes, strict=True):
            if "error" in outcome:
                self._expect_refusal(lease, outcome["error"]["code"])
            elif lease.answer:
                assert (outcome["status"], outcome["review"]) == lease.answer, f"{lease.task} is answered otherwise"
            else:
                self._settled(lease, ending, outcome["status"], outcome["review"])

    def borrow(self, lease: Lease) -> None:
        """Another agent shows the token."""
        other = next(name for name in self.world.callers if name != lease.agent.name)
        self._say(lease, "result", ENDINGS["good"], who=other).refused(409, "stale_lease")

    def take(self, lease: Lease, ending: str, said: Said) -> None:
        """What the engine answered to a result, and what follows from it."""
        if lease.answer:
            assert (said.ok()["outcome"], said["review"]) == lease.answer, f"{lease.task} is answered otherwise"
        elif not self.model.is_held(lease, self.world.now):
            said.refused(409, "stale_lease")
        else:
            self._settled(lease, ending, said.ok()["outcome"], said["review"])

    def _expect_refusal(self, lease: Lease, code: str) -> None:
        assert code == "stale_lease", f"a result of {lease.task} is refused: {code}"
        assert not lease.answer, f"{lease.task} was answered {lease.answer} before, and is refused now"
        assert not self.model.is_held(lease, self.world.now), f"{lease.task} is refused though it is held"

    def _settled(self, lease: Lease, ending: str, outcome: str, review: str | None) -> None:
        assert self.model.is_held(lease, self.world.now), f"{outcome} under a lease that is over"
        task = lease.task
        if self.model.is_stale(task):
            expected = "stale"
            self.model.stale(task)
        elif ENDINGS[ending]["status"] == "failed":
            expected = self._failed(task, ending)
        elif ending == "good":
            expected = "completed"
            self.model.complete(task)
        elif ending == "bad" and task.attempts < task.attempts_max:
            expected = "retrying"
            self.model.again(task, "confidence_low")
        else:
            expected = "blocked"
            assert review
            self.model.block(task, review, "result", self.world.now)
        assert outcome == expected, f"{ending} of {task}: {outcome} instead of {expected}"
        lease.answer = (outcome, review)

    def _failed(self, task: Task, ending: str) -> str:
        if ending == "hopeless":
            self.model.fail(task, ending)
        else:
            self.another_attempt(task, ending, asked=ASKED.get(ending, timedelta()))
        return "failed" if task.status == TaskStatus.FAILED else "retrying"

    def lose_connection(self, lease: Lease, *, renewed_since: bool) -> None:
        """It is handed on at once, the second time in a row after a wait; not if its agent lives on somewhere else."""
        task, before = lease.task, lease.task.error
        seen = lease.ends - timedelta(seconds=1) if renewed_since else lease.ends
        self.world.lose_connection(task.id, lease.token, seen)
        if renewed_since:
            return
        if before == "connection_lost":
            self.another_attempt(task, "connection_lost")
        elif task.attempts < task.attempts_max:
            self.model.again(task, "connection_lost")
        else:
            self.model.fail(task, "connection_lost")

    def _say(self, lease: Lease, what: str, body: dict[str, Any], *, who: str = "") -> Said:
        caller = self.world.callers[who or lease.agent.name]
        return caller.post(f"tasks/{lease.task.id}/{what}", {"lease_token": lease.token} | body)
