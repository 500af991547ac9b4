"""Racing for money: never a cent over the limit. Each race has a control that shows what it would see without the guard."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.db.models import F

from chimera.flows.authorise_spend import authorise_spend
from chimera.flows.change_budget import change_budget
from chimera.kernel import redis, tenancy
from chimera.kernel.actors import SYSTEM, Actor
from commerce.actions import Purchase, windows
from commerce.models import BudgetConfig, SpendWindow
from commerce.periods import Period
from swarm.actions import agents
from tests import cluster
from tests.cast import Caller, Stage
from tests.commerce.books import at_work, check_books, claimed_again
from tests.lanes import settle
from tests.races.threads import at_once

SPENDERS = 50
GRANTED = 14  # of 50 times 0.07 out of 1.00: 0.98, and the fifteenth would be a nickel over


@pytest.fixture
def spenders(acme: Stage) -> list[tuple[Caller, dict[str, Any]]]:
    """Fifty running tasks, each with its lease."""
    with acme.bound():
        agent, key = agents.register(
            name="mia", role="worker", capabilities=[], tools_config={}, max_slots=64, by=SYSTEM
        )
    session = acme.session()
    body = {"session": session["id"], "type": "render", "input_payload": {}}
    acme.pia.post("tasks/batch", {"tasks": [body] * SPENDERS}).ok(201)
    settle()
    mia = Caller(key, id=str(agent.pk), name="mia")
    claims = mia.claim(64)
    assert len(claims) == SPENDERS
    return [(Caller(key, id=mia.id, name="mia"), claim) for claim in claims]


@contextmanager
def watched(tenant_id: UUID) -> Iterator[list[SpendWindow]]:
    """Look at the windows from outside all the while; the list gets every one that was over its limit."""
    over: list[SpendWindow] = []
    stop = threading.Event()

    def look() -> None:
        ended = False
        while not ended:
            ended = stop.wait(0.002)  # once more at the end
            with tenancy.bound(tenant_id):
                over.extend(SpendWindow.objects.filter(limit_usd__lt=F("held_usd") + F("captured_usd")))
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield over
    finally:
        stop.set()
        thread.join(30)


def somebody_waits() -> bool:
    """Whether a transaction waits for a row that another one has."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple'))"
        )
        return bool(cursor.fetchone()[0])


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.01)


def statuses(answers: list[Any]) -> Counter[int]:
    failed = [a for a in answers if isinstance(a, Exception)]
    assert not failed, failed[0]
    return Counter(a.status for a in answers)


@pytest.fixture(params=["present", "away", "lost"])
def redis_is(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """What becomes of Redis just before the race."""

    def act() -> None:
        match request.param:
            case "away":
                cluster.redis.stop()
            case "lost":
                redis.client().flushall()
            case _:
                redis.client().ping()

    yield act
    cluster.redis.start()


@pytest.mark.parametrize("window", ["day_usd", "month_usd", "total_usd"])
def test_fifty_spend_the_last_dollar_and_never_a_cent_over(acme: Stage, spenders: Any, window: str) -> None:
    acme.budget(**{window: "1.00"})
    with watched(acme.tenant_id) as over:
        answers = at_once([lambda pair=pair: pair[0].spend(pair[1], "0.07") for pair in spenders])
    assert statuses(answers) == {201: GRANTED, 402: SPENDERS - GRANTED}
    assert {a["code"] for a in answers if a.status == 402} == {"budget_exceeded"}
    assert over == []
    check_books(acme)


def test_redis_makes_no_difference_to_the_last_dollar(acme: Stage, spenders: Any, redis_is: Callable[[], None]) -> None:
    acme.budget(day_usd="1.00")
    redis_is()
    with watched(acme.tenant_id) as over:
        answers = at_once([lambda pair=pair: pair[0].spend(pair[1], "0.07") for pair in spenders])
    assert statuses(answers) == {201: GRANTED, 402: SPENDERS - GRANTED}
    assert over == []
    check_books(acme)


def test_several_budgets_at_once_hold_in_the_race_and_nobody_waits_for_ever(acme: Stage, spenders: Any) -> None:
    session = spenders[0][1]["task"]["session"]
    acme.budget(day_usd="5.00")
    tight = acme.budget(scope="session", scope_id=session, total_usd="1.00")
    for _, claim in spenders[::2]:
        acme.budget(scope="task", scope_id=claim["task"]["id"], per_transaction_usd="0.10")
    with watched(acme.tenant_id) as over:
        answers = at_once([lambda pair=pair: pair[0].spend(pair[1], "0.07") for pair in spenders])
    assert statuses(answers) == {201: GRANTED, 402: SPENDERS - GRANTED}
    assert {a["budget"] for a in answers if a.status == 402} == {tight["id"]}
    assert over == []
    check_books(acme)


def test_control_check_then_add_overshoots_and_the_watch_sees_it(
    acme: Stage, spenders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is off: what was read without a lock is added to without a condition."""
    racers = 8
    budget = acme.budget(day_usd="1.00")
    spenders[0][0].spend(spenders[0][1], "0.07").ok(201)  # the windows exist
    checked = threading.Barrier(racers)

    def lock_open(budgets: Sequence[BudgetConfig], periods: Sequence[Period]) -> list[SpendWindow]:
        return list(SpendWindow.objects.of([b.pk for b in budgets], periods).order_by("pk"))

    def hold(found: Sequence[SpendWindow], amount: Decimal) -> bool:
        if any(w.limit_usd is not None and w.held_usd + w.captured_usd + amount > w.limit_usd for w in found):
            return False
        checked.wait(30)
        SpendWindow.objects.filter(pk__in=[w.pk for w in found]).order_by("pk").update(held_usd=F("held_usd") + amount)
        return True

    monkeypatch.setattr(windows, "lock_open", lock_open)
    monkeypatch.setattr(windows, "hold", hold)
    with without_the_databases_rule(), watched(acme.tenant_id) as over:
        answers = at_once([lambda pair=pair: pair[0].spend(pair[1], "0.40") for pair in spenders[1 : racers + 1]])
        with acme.bound():
            held = SpendWindow.objects.get(budget_id=budget["id"], kind="day").held_usd
    assert statuses(answers) == {201: racers}
    assert held == Decimal("3.27")
    assert over != []


@contextmanager
def without_the_databases_rule() -> Iterator[None]:
    """PostgreSQL would refuse the overshoot too (tests/commerce/apart/test_ledger_rules)."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE commerce_spendwindow DISABLE TRIGGER within_limit")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE commerce_spendwindow ENABLE TRIGGER within_limit")


def test_a_hold_is_captured_or_voided_never_both(acme: Stage, spenders: Any) -> None:
    acme.budget(day_usd="100")
    rounds = 10
    outcomes: Counter[str] = Counter()
    for caller, claim in spenders[:rounds]:
        held = caller.spend(claim, "1").ok(201)
        body = {"lease_token": claim["lease_token"]}
        calls = [
            lambda verb=verb, body=body, held=held, key=caller.secret: Caller(key).post(
                f"transactions/{held['id']}/{verb}", body
            )
            for verb in ("capture", "void")
        ]
        captured, voided = at_once(calls)
        assert {captured.status, voided.status} == {200, 409}
        loser = captured if captured.status == 409 else voided
        loser.refused(409, "transaction_voided" if loser is captured else "transaction_captured")
        outcomes["captured" if captured.status == 200 else "voided"] += 1
    assert outcomes.total() == rounds
    check_books(acme)


def test_equal_captures_at_once_are_one_capture(acme: Stage, spenders: Any) -> None:
    acme.budget(day_usd="100")
    caller, claim = spenders[0]
    held = caller.spend(claim, "10").ok(201)
    body = {"lease_token": claim["lease_token"], "amount_usd": "4"}
    answers = at_once([lambda: Caller(caller.secret).post(f"transactions/{held['id']}/capture", body)] * 8)
    assert statuses(answers) == {200: 8}
    assert len({str(a.body) for a in answers}) == 1
    check_books(acme)


def test_a_task_that_asks_twice_at_once_opens_one_card(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    answers = at_once([lambda: Caller(acme.ada.secret).spend(claim, "8")] * 6)
    assert statuses(answers) == {202: 1, 409: 5}
    assert acme.rita.get("reviews").ok()["results"][0]["transaction"] == next(
        a["id"] for a in answers if a.status == 202
    )
    check_books(acme)


def test_an_approved_hold_asked_for_twice_at_once_is_one_hold(acme: Stage) -> None:
    acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    spend = acme.ada.spend(claim, "8").ok(202)
    acme.rita.post(f"reviews/{spend['review']}/decision", {"decision": "approve"}).ok()
    again = claimed_again(acme, claim)
    answers = at_once([lambda: Caller(acme.ada.secret).spend(again, "8")] * 6)
    assert statuses(answers) == {201: 6}
    assert {a["id"] for a in answers} == {spend["id"]}
    check_books(acme)


def test_once_a_lower_limit_is_answered_nothing_passes_above_it(acme: Stage, spenders: Any) -> None:
    budget = acme.budget(day_usd="100")
    limits: list[Any] = []

    def lower() -> Any:
        said = Caller(acme.fay.secret).patch(f"budgets/{budget['id']}", {"day_usd": "0.70"})
        limits.append(said.status)
        return said

    answers = at_once([lower, *(lambda pair=pair: pair[0].spend(pair[1], "0.07") for pair in spenders)])
    assert answers[0].status == 200
    with acme.bound():
        window = SpendWindow.objects.get(kind="day")
    assert window.limit_usd == Decimal("0.70")
    granted = statuses(answers[1:])[201]
    assert window.held_usd == granted * Decimal("0.07")
    spenders[0][0].spend(spenders[0][1], "0.71").refused(402, "budget_exceeded")
    check_books(acme)


def test_the_first_window_of_a_day_never_gets_a_limit_that_has_just_been_changed(acme: Stage) -> None:
    """The budget changes, and has not committed, while the first spend of the day makes its windows."""
    budget = acme.budget(day_usd="100")
    claim = at_work(acme)
    changed, done = threading.Event(), threading.Event()

    def change() -> None:
        with acme.bound():
            change_budget(
                budget_id=UUID(budget["id"]), changes={"day_usd": Decimal(1)}, expected_version=None, by=acme.fay.actor
            )
            changed.set()
            wait_until(lambda: done.is_set() or somebody_waits())

    def spend() -> Any:
        changed.wait(30)
        try:
            return Caller(acme.ada.secret).spend(claim, "2")
        finally:
            done.set()

    _, answer = at_once([change, spend])
    answer.refused(402, "budget_exceeded")
    with acme.bound():
        assert SpendWindow.objects.get(kind="day").limit_usd == 1


def test_first_spends_of_a_day_make_each_window_once(acme: Stage, spenders: Any) -> None:
    budgets = [acme.budget(day_usd="100") for _ in range(5)]
    few = spenders[:12]  # each of them waits for the budgets; more would only wait longer
    answers = at_once([lambda pair=pair: pair[0].spend(pair[1], "0.07") for pair in few])
    assert statuses(answers) == {201: len(few)}
    with acme.bound():
        assert SpendWindow.objects.count() == 3 * len(budgets)
        assert set(SpendWindow.objects.values_list("held_usd", flat=True)) == {len(few) * Decimal("0.07")}


def test_a_spend_that_breaks_off_at_any_write_leaves_nothing(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authorisation with a card, broken off at each of its writes."""
    budget = acme.budget(day_usd="100", approval_threshold_usd="5")
    claim = at_work(acme)
    acme.ada.spend(claim, "1").ok(201)
    purchase = Purchase(amount_usd=Decimal(8), asset_symbol="USD")
    by = Actor.agent(acme.ada.id, "ada")
    writes = _writes_of(acme, lambda: _authorise(acme, claim, purchase, by), break_at=None)
    assert writes > 5
    for number in range(writes):
        _writes_of(acme, lambda: _authorise(acme, claim, purchase, by), break_at=number)
        assert acme.anna.get("transactions").ok()["results"][0]["amount_usd"] == "1.00"
        assert acme.rita.get("reviews").ok()["results"] == []
        assert acme.anna.get(f"budgets/{budget['id']}/usage").ok()["windows"][1]["held_usd"] == "1.00"
        check_books(acme)
    acme.ada.spend(claim, "8").ok(202)


def _authorise(stage: Stage, claim: dict[str, Any], purchase: Purchase, by: Actor) -> None:
    authorise_spend(
        task_id=UUID(claim["task"]["id"]),
        lease_token=UUID(claim["lease_token"]),
        agent_id=UUID(stage.ada.id),
        purchase=purchase,
        by=by,
    )


class BrokenOffError(Exception):
    pass


def _writes_of(stage: Stage, call: Callable[[], None], *, break_at: int | None) -> int:
    """Run `call` and undo it: at its write number `break_at`, or after the last; answers how many writes there were."""
    writes = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal writes
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            if writes == break_at:
                raise BrokenOffError
            writes += 1
        return execute(sql, params, many, context)

    with suppress(BrokenOffError), stage.bound(), connections["default"].execute_wrapper(count):
        call()
        raise BrokenOffError
    return writes
