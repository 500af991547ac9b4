"""From the click to the end of what it resumed somebody dies at every statement, a thousand times in all: each card is decided
once, each task resumed at most once, each sum spent or given back once.

How they die: severing.py. Who dies: the reviewer's process, the asking agent's, the clock's, the relay's, the one that
hands the task out, and the one that serves the resumed agent. Honest callers repeat. Real SIGKILLs: test_deaths.py.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction

from chimera.flows import decide_review
from chimera.kernel import ids
from chimera.kernel.actors import Actor
from chimera.kernel.eventlog import Event
from chimera.kernel.relay.pace import Pace
from chimera.kernel.relay.redis_lane import RedisLane
from commerce.models import Transaction
from safety.models import ReviewCard
from swarm.actions import tasks
from swarm.models import AgentProfile, Task
from tests.cast import Stage
from tests.commerce.books import check_books, check_reconciled
from tests.lanes import settle
from tests.races.aftermath import bring_back, log_and_cursors
from tests.races.clicks import KINDS, Kind, Scene
from tests.races.dying import at_every_line
from tests.races.severing import dies

pytestmark = pytest.mark.slow
TRIALS = 1_000
SCENES = 4  # of each kind: after a death that leaves a trace the next one meets another
SLOTS = 64


@pytest.fixture
def stage(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(settings, "LEASE", timedelta(hours=1))  # whatever else the machine does meanwhile
    budget = acme.budget(day_usd="1000000", approval_threshold_usd="5")
    rules = {"approvals": [{"above_usd": "20", "approvers": 2}]}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": rules}).ok()
    with acme.bound():
        AgentProfile.objects.filter(pk=acme.ada.id).update(max_slots=SLOTS)
    yield acme
    connections["default"].close()
    connections["default"].close_pool()  # threads that died keep what they had of it


def claims(acme: Stage, kind: Kind, scenes: int = SCENES) -> Iterator[dict[str, Any]]:
    """New tasks, in the hands of Ada; those that were resumed before are of other types."""
    body = {"session": acme.session()["id"], "type": kind.name, "input_payload": {}}
    acme.pia.post("tasks/batch", {"tasks": [body] * scenes}).ok(201)
    settle()
    found = acme.ada.claim(scenes, types=[kind.name])
    assert len(found) == scenes
    return iter(found)


def dispatch_all() -> None:
    lane = RedisLane()
    while lane.step() in (Pace.MORE, Pace.DONE, Pace.TOLD):
        pass


class Trials:
    def __init__(self, acme: Stage) -> None:
        self.acme, self.deaths = acme, Counter[str]()
        self.scenes: list[Scene] = []

    def decide(self, kind: Kind, made: Iterator[dict[str, Any]]) -> None:
        """Whoever decides dies; in the end it is decided."""

        def prepare() -> Scene:
            scene = Scene(self.acme, kind, next(made))
            scene.card = kind.ask(scene)
            self.scenes.append(scene)
            return scene

        self._die("decide", prepare, kind.click, kind.click)

    def dispatch(self) -> None:
        """The relay dies, with all that was decided before it."""
        self._die("dispatch", lambda: None, lambda _: dispatch_all(), lambda _: dispatch_all())

    def claim(self) -> None:
        """The process that hands the resumed tasks out dies: what it had popped comes back, what it had leased is its caller's."""
        resumed = {scene.task: scene for scene in self.scenes if scene.kind.then}

        def ask(key: str) -> None:
            for claim in self.acme.ada.post("claims", {"max": 1}, Idempotency_Key=key).ok()["claims"]:
                resumed[claim["task"]["id"]].again = claim

        while not all(scene.again for scene in resumed.values()):
            self._die("claim", lambda: str(ids.uuid7()), ask, ask, before_each=bring_back)

    def go_on(self, kind: Kind) -> None:
        """Whoever serves the resumed agent dies; in the end it has done what it was resumed for."""
        left = iter([scene for scene in self.scenes if scene.kind is kind])
        assert kind.then is not None
        while (first := next(left, None)) is not None:
            self._die("go on", lambda first=first: first, kind.then, kind.then)  # type: ignore[misc]

    def _die(
        self,
        where: str,
        prepare: Callable[[], Any],
        act: Callable[[Any], object],
        afterwards: Callable[[Any], object],
        **more: Any,
    ) -> None:
        self.deaths[where] += at_every_line(prepare, act, afterwards, mark=log_and_cursors, dies=dies, **more)


def told(scene: Scene) -> Counter[str]:
    found = Event.objects.filter(task_id=scene.task)
    return Counter(
        f"{each.type.removesuffix('.v1')}{' again' if each.payload.get('resumed') else ''}" for each in found
    )


def judge(scene: Scene) -> None:
    kind, facts = scene.kind, told(scene)
    resumes = 1 if kind.then else 0
    (card,) = ReviewCard.objects.filter(task_id=scene.task)
    assert card.status != "pending", kind.name
    assert facts["safety.review.decided"] + facts["safety.review.expired"] == 1, kind.name
    assert facts["swarm.task.resumed"] == facts["swarm.task.claimed again"] == resumes, kind.name
    assert facts["swarm.task.completed"] + facts["swarm.task.failed"] == 1, kind.name
    money = Transaction.objects.filter(task_id=scene.task).values_list("status", flat=True)
    assert (Task.objects.get(pk=scene.task).status, list(money)) == (kind.task, [kind.money]), kind.name
    ends = [facts[f"commerce.transaction.{end}"] for end in ("captured", "voided", "denied", "expired")]
    assert sum(ends) == 1, kind.name


def test_a_thousand_deaths_between_the_click_and_the_end_of_what_it_resumed(stage: Stage) -> None:
    trials = Trials(stage)
    for kind in KINDS:
        trials.decide(kind, claims(stage, kind))
        trials.dispatch()
    trials.claim()
    for kind in KINDS:
        if kind.then:
            trials.go_on(kind)
    settle()
    with stage.bound():
        for scene in trials.scenes:
            judge(scene)
    check_books(stage)
    check_reconciled()
    assert sum(trials.deaths.values()) >= TRIALS, trials.deaths
    assert min(trials.deaths[where] for where in ("decide", "dispatch", "claim", "go on")) > 50, trials.deaths


def test_control_where_card_and_task_are_two_transactions_deaths_between_them_lose_the_resume(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decide_review._approve

    def afterwards(card: ReviewCard, task: Task, by: Actor) -> None:
        def go() -> None:
            with stage.bound():
                whole(card, tasks.lock(task.pk), by)

        transaction.on_commit(go)

    monkeypatch.setattr(decide_review, "_approve", afterwards)
    approved = KINDS[0]
    trials = Trials(stage)
    trials.decide(approved, claims(stage, approved, SLOTS))
    with stage.bound():
        cards = ReviewCard.objects.filter(task_id__in=[scene.task for scene in trials.scenes])
        assert {card.status for card in cards} == {"approved"}
        lost = [scene for scene in trials.scenes if not told(scene)["swarm.task.resumed"]]
    assert len(lost) > 5
    with stage.bound(), pytest.raises(AssertionError, match=approved.name):
        judge(lost[0])
