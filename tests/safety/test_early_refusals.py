"""What was decided before its question, and does not count: for something else, by who may not, past a policy, or too late."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from chimera.flows.expire_early import expire_early
from chimera.flows.lapse_leases import lapse_leases
from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from swarm.models import AgentProfile, Membership
from tests.cast import Stage
from tests.commerce.books import at_work, check_books, claimed_again, task_row
from tests.lanes import settle
from tests.safety.test_early_decisions import KEY, RESULT, budget, card_of, digest, early, say


def refused(acme: Stage, code: str) -> None:
    """The card waits for people, and the decision is over, with its reason."""
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    assert card_of(acme, spend)["status"] == "pending"
    assert early(acme) == [("refused", code)]
    assert acme.boss.post(f"reviews/{spend['review']}/decision", {"decision": "approve"}).ok()["status"] == "approved"
    check_books(acme)


def test_an_approval_of_something_else_counts_for_nothing(acme: Stage) -> None:
    budget(acme)
    say(acme.rita, digest=digest("7.00", "USD", "render.example", "")).ok(202)
    refused(acme, "approval_mismatch")


def test_who_has_lost_the_role_since_decides_nothing(acme: Stage) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    with acme.bound():
        Membership.objects.filter(user_id=acme.rita.id).update(roles=["auditor"])
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    assert acme.boss.get(f"reviews/{spend['review']}").ok()["status"] == "pending"
    assert early(acme) == [("refused", "role")]


def test_who_has_no_account_any_more_decides_nothing(acme: Stage) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    get_user_model().objects.filter(pk=acme.rita.id).update(is_active=False)
    spend = acme.ada.spend(at_work(acme), "8", correlation_key=KEY).ok(202)
    assert acme.boss.get(f"reviews/{spend['review']}").ok()["status"] == "pending"
    assert early(acme) == [("refused", "role")]


ARTIFACTS = [
    {"type": "post", "content": {"text": "It wins your lawsuit."}},
    {"type": "picture", "uri": "https://a.example/1"},
]


def test_who_names_the_output_alone_approves_no_artifact_with_it(acme: Stage) -> None:
    say(acme.rita, digest=RESULT).ok(202)
    said = acme.ada.finish(at_work(acme), 0.8, correlation_key=KEY, artifacts=ARTIFACTS).ok()
    card = card_of(acme, said)
    assert (card["status"], card["digest"]) == ("pending", digest({"answer": "42"}, ARTIFACTS))
    assert early(acme) == [("refused", "approval_mismatch")]
    body = {"decision": "approve", "digest": card["digest"], "edited_payload": {"answer": "41"}}
    edited = acme.rita.post(f"reviews/{card['id']}/decision", body).ok()
    assert edited["digest"] == digest({"answer": "41"}, ARTIFACTS)


def test_who_names_the_artifacts_too_approves_them(acme: Stage) -> None:
    say(acme.rita, digest=digest({"answer": "42"}, ARTIFACTS)).ok(202)
    said = acme.ada.finish(at_work(acme), 0.8, correlation_key=KEY, artifacts=ARTIFACTS).ok()
    assert card_of(acme, said)["status"] == "approved"


@pytest.mark.parametrize(("decision", "card"), [("approve", "pending"), ("reject", "rejected")])
def test_a_result_that_cost_too_much_is_not_approved_by_what_it_says(acme: Stage, decision: str, card: str) -> None:
    acme.budget(day_usd="5")
    say(acme.rita, decision, **({"digest": RESULT} if decision == "approve" else {})).ok(202)
    said = acme.ada.finish(at_work(acme), 0.95, correlation_key=KEY, cost_usd="9").ok()
    found = card_of(acme, said)
    assert (found["status"], found["digest"]) == (card, None)
    check_books(acme)


NO_ADDRESS = {"name": "no address", "when": {"subjects": ["result"], "patterns": ["pii.email"]}, "then": "deny"}


def test_what_a_policy_denies_nobody_approves_before_its_judge(acme: Stage) -> None:
    acme.boss.post("policies", {"name": "house", "status": "enforced", "rules": [NO_ADDRESS]}).ok(201)
    output = {"answer": "write to jane@harbour.example"}
    say(acme.rita, digest=digest(output)).ok(202)
    claim = at_work(acme, judged=True, max_attempts=1)
    said = acme.ada.finish(claim, 0.95, output=output, correlation_key=KEY).ok()
    assert early(acme) == [("refused", "policy_denied")]
    acme.rita.post(f"reviews/{said['review']}/decision", {"decision": "approve"}).refused(409, "policy_denied")
    settle()
    (verdict,) = acme.jude.claim()
    acme.jude.finish(verdict, 0.99).ok()
    assert task_row(acme, claim).status == "failed"


def test_nobody_approves_early_what_their_own_agent_asks(acme: Stage) -> None:
    budget(acme)
    say(acme.rita).ok(202)
    with acme.bound():
        AgentProfile.objects.filter(pk=acme.ada.id).update(registered_by=f"person:{acme.rita.id}")
    refused(acme, "own_request")


def test_it_is_never_used_after_its_time(acme: Stage) -> None:
    budget(acme)
    until = clock.now() + timedelta(minutes=5)
    say(acme.rita, expires_at=clock.written(until)).ok(202)
    claim = at_work(acme)
    with clock.held(until):
        lapse_leases()  # the lease is over by then, too
        spend = acme.ada.spend(claimed_again(acme, claim), "8", correlation_key=KEY).ok(202)
        assert card_of(acme, spend)["status"] == "pending"
        assert early(acme) == [("waiting", "")]
        assert (expire_early(), expire_early()) == (1, 0)
        assert early(acme) == [("expired", "")]
    with acme.bound():
        (told,) = Event.objects.filter(type="safety.early_decision.expired.v1")
    assert (told.payload["by_name"], told.payload["correlation_key"]) == (acme.rita.name, KEY)
