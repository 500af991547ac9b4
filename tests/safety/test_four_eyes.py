"""Nobody approves what they asked for: who had a hand in it may not, in whatever way, and everybody else may."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from chimera.flows import requesters
from chimera.flows.run_schedules import run_schedules
from chimera.kernel import clock
from chimera.kernel.identity import Role
from safety.models import ReviewCard
from swarm.models import AgentProfile, Membership, Schedule
from tests.cast import Caller, Said, Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.lanes import settle

CARD = NOUNS["card"]
PEOPLE = ["rita", "otto", "fay", "anna", "boss"]
QUESTION = {"type": "research", "input_payload": {"question": "why"}}


@dataclass
class House:
    """Everybody in it operates and reviews; a spend above five dollars asks ten of them, so that each can be tried."""

    acme: Stage
    times: ExitStack = field(default_factory=ExitStack)

    def later(self, **by: float) -> None:
        """From here on, until the test ends."""
        self.times.enter_context(clock.held(clock.now() + timedelta(**by)))

    def own(self, agent: Caller, person: Caller) -> None:
        with self.acme.bound():
            AgentProfile.objects.filter(pk=agent.id).update(registered_by=str(person.actor))

    def issue(self, agent: Caller, person: Caller, *, use: bool = True) -> None:
        """The agent goes on with the new key."""
        key = person.post(f"agents/{agent.id}/keys").ok(201)["key"]
        agent.secret = key if use else agent.secret

    def task(self, maker: Caller, parent: dict[str, Any] | None = None) -> dict[str, Any]:
        session = parent["session"] if parent else self.acme.session()["id"]
        above = {"parent_task": parent["id"]} if parent else {}
        made: dict[str, Any] = maker.post("tasks", QUESTION | {"session": session} | above).ok(201).body
        return made

    def schedule(self, maker: Caller, **more: Any) -> str:
        """Each hour, half an hour from now: no minute of the test may be that one."""
        campaign = self.acme.rita.post("campaigns", {"name": "tides", "goal": "dry feet"}).ok(201)["id"]
        body = {
            "name": "hourly",
            "cron": f"{(clock.now().minute + 30) % 60} * * * *",
            "overlap": "queue",
            "task": QUESTION,
        } | more
        return str(maker.post(f"campaigns/{campaign}/schedules", body).ok(201)["id"])

    def fire(self) -> dict[str, Any]:
        """The clock comes by: the task that it makes."""
        assert run_schedules() == 1
        with self.acme.bound():
            task_id = Schedule.objects.get().current_task_id
        return dict(self.acme.anna.get(f"tasks/{task_id}").ok().body)

    def spend(self, task: dict[str, Any]) -> str:
        """Ada asks for money with it: the card."""
        settle()
        claim = next(claim for claim in self.acme.ada.claim(most=8) if claim["task"]["id"] == task["id"])
        return str(self.acme.ada.spend(claim, "8").ok(202)["review"])


@pytest.fixture
def house(acme: Stage) -> Iterator[House]:
    with acme.bound():
        Membership.objects.exclude(user_id=acme.boss.id).update(roles=[Role.OPERATOR, Role.REVIEWER])
    made = acme.boss.post("budgets", {"scope": "tenant", "day_usd": "100"}).ok(201)
    rules = {"approvals": [{"above_usd": "5", "approvers": 10, "roles": ["reviewer"]}]}
    acme.boss.put(f"budgets/{made['id']}/rules", {"rules": rules}).ok()
    found = House(acme)
    with found.times:
        yield found


def decide(who: Caller, card: str, decision: str = "approve", **more: Any) -> Said:
    return who.post(f"reviews/{card}/decision", {"decision": decision, "note": "seen"} | more)


# ------------------------------------------------------------------ scenes: each answers the card


def nobody(house: House) -> str:
    return house.spend(house.task(house.acme.pia))


def the_task(house: House) -> str:
    return house.spend(house.task(house.acme.otto))


def agents_owners(house: House) -> str:
    house.own(house.acme.ada, house.acme.otto)
    house.own(house.acme.pia, house.acme.boss)
    return house.spend(house.task(house.acme.pia))


def a_key_of_the_spender(house: House) -> str:
    house.own(house.acme.ada, house.acme.boss)
    house.issue(house.acme.ada, house.acme.otto)
    return house.spend(house.task(house.acme.pia))


def a_key_of_the_maker(house: House) -> str:
    house.issue(house.acme.pia, house.acme.otto)
    return house.spend(house.task(house.acme.pia))


def an_older_key_that_still_works(house: House) -> str:
    house.issue(house.acme.ada, house.acme.otto)
    house.issue(house.acme.ada, house.acme.boss)
    return house.spend(house.task(house.acme.pia))


def a_key_while_the_card_waits(house: House) -> str:
    card = house.spend(house.task(house.acme.pia))
    house.issue(house.acme.ada, house.acme.otto, use=False)
    return card


def a_key_that_ended_before(house: House) -> str:
    house.issue(house.acme.ada, house.acme.otto)
    house.issue(house.acme.ada, house.acme.boss)
    house.later(hours=25)
    return house.spend(house.task(house.acme.pia))


def a_key_that_wrote_the_schedule(house: House) -> str:
    """It had ended when the schedule made the task."""
    house.issue(house.acme.pia, house.acme.otto)
    house.schedule(house.acme.pia)
    house.issue(house.acme.pia, house.acme.boss)
    house.later(hours=25)
    return house.spend(house.fire())


def the_schedules_task(house: House) -> str:
    schedule = house.schedule(house.acme.otto)
    house.acme.boss.patch(f"schedules/{schedule}", {"task": QUESTION | {"priority": 70}}).ok()
    house.later(minutes=61)
    return house.spend(house.fire())


def a_trifle_of_the_schedule_last(house: House) -> str:
    schedule = house.schedule(house.acme.otto)
    house.acme.boss.patch(f"schedules/{schedule}", {"task": QUESTION | {"priority": 70}}).ok()
    house.acme.fay.patch(f"schedules/{schedule}", {"name": "each hour"}).ok()
    house.later(minutes=61)
    return house.spend(house.fire())


def nothing_of_the_schedule(house: House) -> str:
    """Boss says what it says already, and lets it go on after a pause."""
    schedule = house.schedule(house.acme.otto)
    house.acme.boss.patch(f"schedules/{schedule}", {"name": "hourly"}).ok()
    house.acme.boss.post(f"schedules/{schedule}/pause").ok()
    house.acme.boss.post(f"schedules/{schedule}/resume").ok()
    house.later(minutes=61)
    return house.spend(house.fire())


def a_run_out_of_turn(house: House) -> str:
    schedule = house.schedule(house.acme.boss)
    run = house.acme.otto.post(f"schedules/{schedule}/run").ok(201)
    return house.spend({"id": run["task"]})


def a_run_out_of_turn_that_waited(house: House) -> str:
    """The clock makes its task, in the schedule's name, when the one before has ended."""
    schedule = house.schedule(house.acme.boss)
    first = house.acme.fay.post(f"schedules/{schedule}/run").ok(201)
    house.later(minutes=1)
    assert house.acme.otto.post(f"schedules/{schedule}/run").ok(201)["outcome"] == "waiting"
    house.acme.rita.post(f"tasks/{first['task']}/cancel").ok()
    return house.spend(house.fire())


def a_task_above(house: House) -> str:
    house.own(house.acme.pia, house.acme.fay)
    root = house.task(house.acme.boss)
    return house.spend(house.task(house.acme.pia, parent=root))


def a_task_far_above(house: House) -> str:
    below = house.task(house.acme.boss)
    for maker in (house.acme.pia, house.acme.otto, house.acme.pia, house.acme.pia):
        below = house.task(maker, parent=below)
    return house.spend(below)


def a_schedule_above(house: House) -> str:
    schedule = house.schedule(house.acme.boss)
    run = house.acme.otto.post(f"schedules/{schedule}/run").ok(201)
    root = dict(house.acme.anna.get(f"tasks/{run['task']}").ok().body)
    return house.spend(house.task(house.acme.pia, parent=root))


def a_sibling(house: House) -> str:
    root = house.task(house.acme.pia)
    house.task(house.acme.otto, parent=root)
    return house.spend(house.task(house.acme.pia, parent=root))


WHO_ASKED: list[tuple[Callable[[House], str], set[str]]] = [
    (nobody, set()),
    (the_task, {"otto"}),
    (agents_owners, {"otto", "boss"}),
    (a_key_of_the_spender, {"otto", "boss"}),
    (a_key_of_the_maker, {"otto"}),
    (an_older_key_that_still_works, {"otto", "boss"}),
    (a_key_while_the_card_waits, {"otto"}),
    (a_key_that_ended_before, {"boss"}),
    (a_key_that_wrote_the_schedule, {"otto", "boss"}),
    (the_schedules_task, {"otto", "boss"}),
    (a_trifle_of_the_schedule_last, {"otto", "boss", "fay"}),
    (nothing_of_the_schedule, {"otto"}),
    (a_run_out_of_turn, {"otto", "boss"}),
    (a_run_out_of_turn_that_waited, {"otto", "boss"}),
    (a_task_above, {"boss", "fay"}),
    (a_task_far_above, {"boss", "otto"}),
    (a_schedule_above, {"otto", "boss"}),
    (a_sibling, set()),
]


@pytest.mark.parametrize(("scene", "asked"), WHO_ASKED, ids=lambda each: getattr(each, "__name__", ""))
def test_who_asked_is_refused_and_everybody_else_may(
    house: House, scene: Callable[[House], str], asked: set[str]
) -> None:
    card = scene(house)
    for who in PEOPLE:
        said = decide(getattr(house.acme, who), card)
        if who in asked:
            said.refused(403, "own_request")
        else:
            assert said.ok()["status"] == "pending", who
    assert house.acme.anna.get(f"reviews/{card}").ok()["approvals_needed"] == 10 - len(PEOPLE) + len(asked)


def test_an_approval_counts_no_more_when_its_giver_could_have_asked(house: House) -> None:
    card = house.spend(house.task(house.acme.pia))
    with house.acme.bound():
        ReviewCard.objects.filter(pk=card).update(quorum=[{"approvers": 2, "roles": ["reviewer"]}])
    decide(house.acme.otto, card).ok()
    house.issue(house.acme.ada, house.acme.otto)
    second = decide(house.acme.rita, card).ok()
    assert (second["status"], second["approvals_needed"]) == ("pending", 1)
    assert [(vote["by"], vote["counts"]) for vote in second["votes"]] == [("otto@acme", False), ("rita@acme", True)]
    assert "asked for it" in Desk(house.acme.anna).get(CARD.one(card)).ok().text
    assert decide(house.acme.anna, card).ok()["status"] == "approved"


def test_the_page_of_a_card_says_why_one_may_not_approve_it(house: House) -> None:
    root = house.task(house.acme.boss)
    card = house.spend(house.task(house.acme.pia, parent=root))
    why = "You asked for a task above this one; somebody else approves what it spends."
    own, other = (Desk(who).get(CARD.one(card)).ok() for who in (house.acme.boss, house.acme.rita))
    assert why in own.text
    assert own.buttons == other.buttons - {"approve"} == {"claim", "reject", "request_changes"}
    assert "You asked for" not in other.text
    again = Desk(house.acme.boss).post(CARD.one(card, "approve")).ok()
    assert again.text.count(why) == 2  # as the refusal, and on the page
    decide(house.acme.boss, card, "reject").ok()
    assert "You asked for" not in Desk(house.acme.boss).get(CARD.one(card)).ok().text


@pytest.mark.parametrize("depth", [1, 6])
def test_however_deep_a_tree_is_two_queries_tell_who_asked(
    house: House, django_assert_num_queries: Any, depth: int
) -> None:
    below = house.task(house.acme.otto)
    for _ in range(depth):
        below = house.task(house.acme.pia, parent=below)
    card = house.spend(below)
    with house.acme.bound():
        cards = list(ReviewCard.objects.filter(pk=card)) * 3
        with django_assert_num_queries(2):
            assert set(requesters.barred(cards)[cards[0].pk]) == {int(house.acme.otto.id)}
