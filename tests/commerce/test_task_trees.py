"""Budgets of tasks that have tasks below them: what is below spends from what is above."""

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chimera.flows.spend_many import Asked, Spend
from chimera.flows.spend_together import spend_together
from tests.cast import Caller, Stage
from tests.commerce.books import at_work, check_books, spent
from tests.commerce.forest import at_work_below, mia_of
from tests.commerce.woods import Woods


@pytest.fixture
def mia(acme: Stage) -> Caller:
    return mia_of(acme)


def test_a_childs_hold_is_counted_in_the_budgets_of_all_above_it(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="100")
    top = at_work(acme)
    below = at_work_below(acme, mia, top["task"])
    lowest = at_work_below(acme, mia, below["task"])
    budget = acme.budget(scope="task", scope_id=top["task"]["id"], total_usd="10")
    middle = acme.budget(scope="task", scope_id=below["task"]["id"], total_usd="8")
    held = mia.spend(lowest, "6").ok(201)
    assert {budget["id"], middle["id"]} < set(held["budgets"])
    assert spent(acme, budget, "total") == ("6.00", "0.00", "4.00")
    assert spent(acme, middle, "total") == ("6.00", "0.00", "2.00")
    acme.ada.spend(top, "3").ok(201)
    refused = mia.spend(lowest, "1.5").refused(402, "budget_exceeded")
    assert (refused["budget"], refused["window"], refused["remaining_usd"]) == (budget["id"], "total", "1.00")
    check_books(acme)


def test_what_is_beside_a_task_spends_nothing_of_its_budget(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="100")
    top = at_work(acme)
    one, other = at_work_below(acme, mia, top["task"]), at_work_below(acme, mia, top["task"])
    budget = acme.budget(scope="task", scope_id=one["task"]["id"], total_usd="1")
    mia.spend(other, "6").ok(201)
    acme.ada.spend(top, "6").ok(201)
    assert spent(acme, budget, "total") == ("0.00", "0.00", "1.00")


def test_spends_that_are_decided_together_are_counted_in_what_is_above_each(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="100")
    top = at_work(acme)
    budget = acme.budget(scope="task", scope_id=top["task"]["id"], total_usd="1")
    below = [at_work_below(acme, mia, top["task"]) for _ in range(4)]
    acme.ada.spend(top, "0.10").ok(201)  # windows are there: what follows is plain
    asked = [
        Asked(
            what=Spend(task_id=UUID(claim["task"]["id"]), amount_usd=Decimal("0.40"), asset_symbol="USD"),
            lease_token=UUID(claim["lease_token"]),
            agent_id=UUID(mia.id),
            by=mia.actor,
        )
        for claim in below
    ]
    answers = spend_together(acme.tenant_id, asked)
    assert [answer and answer.status for answer in answers] == [201, 201, 402, 402]
    assert spent(acme, budget, "total") == ("0.90", "0.00", "0.10")
    check_books(acme)


def test_a_metered_child_stops_where_its_parents_budget_ends(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="100")
    top = at_work(acme)
    below = at_work_below(acme, mia, top["task"])
    budget = acme.budget(scope="task", scope_id=top["task"]["id"], total_usd="1")
    body = {"lease_token": below["lease_token"], "cost_usd": "0.40"}
    mia.post(f"tasks/{below['task']['id']}/heartbeat", body).ok()
    acme.ada.spend(top, "0.30").refused(402, "budget_exceeded")
    said = mia.post(f"tasks/{below['task']['id']}/heartbeat", body | {"cost_usd": "1.00"}).ok()
    assert (said["commands"], said["reason"]) == (["stop"], "budget_exceeded")
    assert spent(acme, budget, "total") == ("0.00", "1.00", "0.00")
    check_books(acme)


def test_velocity_of_a_tasks_budget_counts_what_is_below_it(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="100")
    top = at_work(acme)
    below = at_work_below(acme, mia, top["task"])
    budget = acme.budget(scope="task", scope_id=top["task"]["id"])
    rules = {"velocity": {"count_per_hour": 1}}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": rules, "version": 0}).ok()
    mia.spend(below, "1").ok(201)
    acme.ada.spend(top, "1").refused(402, "velocity_exceeded")


STEPS = ("fork",) * 4 + ("grow", "capture", "void", "cancel", "finish", "fail", "retry") + ("spend",) * 4
AMOUNTS = ("0.000001", "0.5", "1", "2.25", "3", "4.999999")
GROWN = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_whatever_grows_and_spends_no_tree_holds_more_than_its_root_may(acme: Stage, mia: Caller) -> None:
    acme.budget(day_usd="1000")
    decided: list[bool] = []

    @GROWN
    @given(
        root_total=st.sampled_from(("3", "10", "12.5")),
        steps=st.lists(
            st.tuples(st.sampled_from(STEPS), st.integers(0, 40), st.sampled_from(AMOUNTS)), min_size=20, max_size=30
        ),
    )
    def grow(root_total: str, steps: list[tuple[str, int, str]]) -> None:
        woods = Woods(acme, mia, root_total=root_total)
        for step, number, amount in steps:
            getattr(woods, step)(number, amount)
            woods.check()
        decided.extend(woods.carvings)
        woods.close()

    grow()
    check_books(acme)
    assert {True, False} == set(decided), "parts were given and refused"
