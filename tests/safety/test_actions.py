"""Approve exactly this: what an agent wants to do is decided before it happens, and is done as it was decided, once."""

import hashlib
from datetime import timedelta
from decimal import Decimal

import pytest
import rfc8785
from django.conf import settings

from chimera.flows.end_actions import end_actions
from chimera.flows.lapse_leases import lapse_leases
from chimera.kernel import clock
from safety.models import Action
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again, spent
from tests.lanes import settle
from tests.safety.acts import POST, decide, execute, money, outcome, propose, read

# ------------------------------------------------------------------ allowed at once


def test_actions_are_looked_for_by_the_beginning_of_tool_or_payee(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    posted = propose(acme, claim, tool="publish").ok(201)["id"]
    paid = propose(acme, claim, tool="buy", amount_usd="1", payee="Press.example").ok(201)["id"]

    def found(**asked: str) -> list[str]:
        return [row["id"] for row in acme.anna.get("actions", **asked).ok()["results"]]

    assert found(search="P") == [paid, posted]
    assert (found(search="pub"), found(search="press"), found(search="example")) == ([posted], [paid], [])
    assert found(search="p", status="denied") == []
    for odd in ({"search": "x" * 201}, {"search": "a\x00"}, {"status": "nonsense"}, {"task": "1"}):
        acme.anna.get("actions", **odd).refused(422, "invalid")


def test_what_nobody_minds_is_allowed_executed_once_and_its_outcome_is_kept(acme: Stage) -> None:
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    assert (action["status"], action["transaction"], action["review"], action["reasons"]) == ("allowed", None, None, [])
    execution = execute(acme, claim, action["id"], digest=action["digest"]).ok()
    assert (execution["tool"], execution["arguments"]) == ("publish", POST)
    execute(acme, claim, action["id"], digest=action["digest"]).refused(409, "already_executed")
    done = outcome(acme, execution, output={"url": "https://short.example/1"}).ok()
    assert (done["status"], done["output"], done["cost_usd"]) == ("succeeded", {"url": "https://short.example/1"}, None)
    assert outcome(acme, execution, output={"url": "https://short.example/1"}).ok().body == done.body
    outcome(acme, execution, status="failed").refused(409, "outcome_recorded")
    execute(acme, claim, action["id"], digest=action["digest"]).refused(409, "already_executed")


def test_the_digest_is_sha_256_over_the_canonical_json_of_the_document(acme: Stage) -> None:
    action = propose(acme, at_work(acme), {"b": 1.0, "a": ["é", 1e-7, None], "\U0001f600": True, "\ufb33": {}}).ok(201)
    assert hashlib.sha256(rfc8785.dumps(action["document"])).hexdigest() == action["digest"]
    assert action["document"]["action"]["tool"] == "publish"


def test_the_arguments_themselves_are_as_good_as_the_digest(acme: Stage) -> None:
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    same = dict(reversed(POST.items()))
    execute(acme, claim, action["id"], arguments=same).ok()


def test_the_same_question_under_the_same_lease_is_one_action_until_it_is_executed(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    first = propose(acme, claim, amount_usd="3").ok(201)
    assert propose(acme, claim, amount_usd="3.00", purpose="in other words").ok(201)["id"] == first["id"]
    assert propose(acme, claim, amount_usd="4").ok(201)["id"] != first["id"]
    execute(acme, claim, first["id"], digest=first["digest"]).ok()
    second = propose(acme, claim, amount_usd="3").ok(201)
    assert (second["status"], [r["code"] for r in second["reasons"]]) == ("review", ["outcome_unknown"])
    check_books(acme)


def test_what_was_done_may_be_asked_for_again(acme: Stage) -> None:
    claim = at_work(acme)
    first = propose(acme, claim).ok(201)
    outcome(acme, execute(acme, claim, first["id"], digest=first["digest"]).ok()).ok()
    second = propose(acme, claim).ok(201)
    assert (second["status"], second["id"] != first["id"]) == ("allowed", True)


def test_a_dry_run_is_denied_and_never_executes(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme, execution_mode="dry_run")
    for more in ({}, {"amount_usd": "3"}):
        action = propose(acme, claim, **more).ok(201)
        assert (action["status"], [r["code"] for r in action["reasons"]]) == ("denied", ["dry_run"])
        execute(acme, claim, action["id"], digest=action["digest"]).refused(409, "action_denied")


# ------------------------------------------------------------------ its money


@pytest.mark.parametrize(
    ("came", "captured"),
    [
        ({"status": "succeeded"}, "3"),
        ({"status": "succeeded", "cost_usd": "1.25"}, "1.25"),
        ({"status": "succeeded", "cost_usd": "0"}, None),
        ({"status": "succeeded", "cost_usd": "5"}, "3"),
        ({"status": "failed"}, None),
        ({"status": "failed", "cost_usd": "0.50"}, "0.50"),
    ],
)
def test_the_outcome_spends_its_money_or_gives_it_back(acme: Stage, came: dict[str, str], captured: str | None) -> None:
    budget = acme.budget(day_usd="20")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3", payee="short.example").ok(201)
    assert money(acme, action) == ("held", "lease", None)
    execution = execute(acme, claim, action["id"], digest=action["digest"]).ok()
    assert money(acme, action) == ("held", "action", None)
    done = outcome(acme, execution, **came).ok()
    assert Decimal(done["cost_usd"] or -1) == Decimal(came.get("cost_usd", -1))
    expected = ("captured", None, Decimal(captured)) if captured else ("voided", None, None)
    assert money(acme, action) == expected
    assert spent(acme, budget)[:2] == ("0.00", f"{Decimal(captured or 0):.2f}")
    check_books(acme)


def test_its_money_is_captured_by_its_outcome_alone(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    lease = {"lease_token": claim["lease_token"]}
    action = propose(acme, claim, amount_usd="3").ok(201)
    path = f"transactions/{action['transaction']}"
    acme.ada.post(f"{path}/capture", lease).refused(409, "of_action")
    assert acme.ada.spend(claim, "3").ok(201)["id"] != action["transaction"]
    execution = execute(acme, claim, action["id"], digest=action["digest"]).ok()
    for verb in ("capture", "void"):
        acme.ada.post(f"{path}/{verb}", lease).refused(409, "kept_by_action")
    acme.fay.post(f"{path}/void", {"reason": "no"}).refused(409, "kept_by_action")
    acme.ada.finish(claim).ok()
    assert money(acme, action) == ("held", "action", None)
    outcome(acme, execution).ok()
    assert money(acme, action) == ("captured", None, Decimal(3))
    check_books(acme)


def test_a_finished_task_gives_back_the_money_of_what_was_not_executed(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    acme.ada.finish(claim).ok()
    assert money(acme, action) == ("voided", None, None)
    assert end_actions() == 1
    assert read(acme, action)["status"] == "dead"
    check_books(acme)


def test_what_no_budget_permits_is_denied_with_its_reason(acme: Stage) -> None:
    acme.budget(day_usd="2")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    assert (action["status"], [r["code"] for r in action["reasons"]]) == ("denied", ["budget_exceeded"])
    execute(acme, claim, action["id"], digest=action["digest"]).refused(409, "action_denied")
    assert money(acme, action)[0] == "denied"


# ------------------------------------------------------------------ leases and time


def test_a_lease_that_is_over_executes_nothing(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    with clock.held(clock.now() + settings.LEASE + timedelta(seconds=1)):
        execute(acme, claim, action["id"], digest=action["digest"]).refused(409, "stale_lease")
        lapse_leases()
        assert end_actions() == 1
    assert (read(acme, action)["status"], money(acme, action)[0]) == ("dead", "voided")
    again = claimed_again(acme, claim)
    execute(acme, again, action["id"], digest=action["digest"]).refused(409, "action_dead")
    assert propose(acme, again, amount_usd="3").ok(201)["id"] != action["id"]
    check_books(acme)


def test_an_effect_that_is_under_way_outlives_its_lease_and_counts_as_spent_when_nobody_speaks(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    execution = execute(acme, claim, action["id"], digest=action["digest"]).ok()
    with clock.held(clock.now() + settings.LEASE + timedelta(seconds=1)):
        lapse_leases()
        assert end_actions() == 0
    assert money(acme, action) == ("held", "action", None)
    with clock.held(clock.now() + settings.EXECUTION_MAX + timedelta(seconds=1)):
        assert end_actions() == 1
    assert (read(acme, action)["status"], money(acme, action)) == ("lost", ("captured", None, Decimal(3)))
    late = outcome(acme, execution, "failed", cost_usd="0").ok()
    assert (late["status"], spent(acme, budget)[:2]) == ("failed", ("0.00", "3.00"))
    check_books(acme)


def test_an_approval_waits_no_longer_than_its_deadline(acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="2")
    action = propose(acme, at_work(acme), amount_usd="3").ok(201)
    decide(acme, action)
    with acme.bound():
        deadline = Action.objects.get(pk=action["id"]).resume_deadline
    assert deadline is not None
    with clock.held(deadline + timedelta(seconds=1)):
        assert end_actions() == 1
    assert read(acme, action)["status"] == "dead"


def test_others_can_neither_propose_nor_execute_nor_settle(acme: Stage) -> None:
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    lease = {"lease_token": claim["lease_token"]}
    path = f"actions/{action['id']}"
    acme.bob.post(f"{path}/execution", lease | {"digest": action["digest"]}).refused(409, "stale_lease")
    execution = execute(acme, claim, action["id"], digest=action["digest"]).ok()
    body = {"execution_token": execution["execution_token"], "status": "succeeded"}
    acme.bob.post(f"{path}/outcome", body).refused(403, "execution_token")
    acme.ada.post(f"{path}/outcome", body | {"execution_token": "guess"}).refused(403, "execution_token")
    for who in (acme.pia, acme.jude, acme.rita):
        who.post(f"tasks/{claim['task']['id']}/actions", lease | {"tool": "x", "arguments": {}}).refused(403, "role")


@pytest.mark.parametrize("number", [2**53, -(2**53), 1e20])
def test_numbers_that_not_everybody_reads_alike_are_refused(acme: Stage, number: float) -> None:
    said = propose(acme, at_work(acme), {"deep": [{"n": number}]})
    assert said.refused(422, "number_out_of_range")["errors"][0]["field"] == "arguments"


def test_execution_shows_one_of_both(acme: Stage) -> None:
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    for shown in ({}, {"digest": action["digest"], "arguments": POST}):
        assert execute(acme, claim, action["id"], **shown).status == 422


def test_a_stop_lets_nothing_begin_and_hears_what_came_of_what_was_under_way(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    first, second = propose(acme, claim, amount_usd="3").ok(201), propose(acme, claim, {"n": 2}, amount_usd="4").ok(201)
    execution = execute(acme, claim, first["id"], digest=first["digest"]).ok()
    acme.otto.post("tenant/stop", {"reason": "the swarm runs away"}).ok()
    execute(acme, claim, second["id"], digest=second["digest"]).refused(409, "stale_lease")
    propose(acme, claim, {"n": 3}).refused(409, "stale_lease")
    assert (money(acme, first)[:2], money(acme, second)[0]) == (("held", "action"), "voided")
    outcome(acme, execution, cost_usd="1").ok()
    assert money(acme, first) == ("captured", None, Decimal(1))
    check_books(acme)


@pytest.mark.parametrize("over", ["stop", "cancel"])
def test_a_repeated_execution_is_shown_its_token_only_while_its_lease_holds(acme: Stage, over: str) -> None:
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    call = (f"actions/{action['id']}/execution", {"lease_token": claim["lease_token"], "digest": action["digest"]})
    first = acme.ada.post(*call, Idempotency_Key="once").ok()
    assert acme.ada.post(*call, Idempotency_Key="once").ok().body == first.body
    if over == "stop":
        acme.otto.post("tenant/stop", {"reason": "the swarm runs away"}).ok()
    else:
        acme.pia.post(f"tasks/{claim['task']['id']}/cancel", {"reason": "not wanted"}).ok()
    acme.ada.post(*call, Idempotency_Key="once").refused(409, "stale_lease")
    outcome(acme, first).ok()  # what was under way is heard


def test_a_repeated_execution_begins_nothing_once_it_is_known_what_came_of_it(acme: Stage) -> None:
    """An agent that was restarted with the keys of before would do it twice."""
    claim = at_work(acme)
    action = propose(acme, claim).ok(201)
    call = (f"actions/{action['id']}/execution", {"lease_token": claim["lease_token"], "digest": action["digest"]})
    outcome(acme, acme.ada.post(*call, Idempotency_Key="once").ok()).ok()
    acme.ada.post(*call, Idempotency_Key="once").refused(409, "already_executed")


def test_an_agent_reads_its_own_actions_and_those_of_tasks_that_it_works_on(acme: Stage) -> None:
    action = propose(acme, claim := at_work(acme)).ok(201)

    def read_by(*who: str) -> list[int]:
        found = [getattr(acme, name) for name in who]
        assert [len(one.get("actions").ok()["results"]) for one in found] == [
            int(one.get(f"actions/{action['id']}").status == 200) for one in found
        ]
        return [one.get(f"actions/{action['id']}").status for one in found]

    assert read_by("ada", "bob", "jude", "pia", "rita", "anna") == [200, 404, 404, 404, 200, 200]
    with clock.held(clock.now() + settings.LEASE + timedelta(seconds=1)):
        lapse_leases()
        settle()
        (again,) = acme.bob.claim()
        assert again["task"]["id"] == claim["task"]["id"]
        assert read_by("ada", "bob") == [200, 200]
