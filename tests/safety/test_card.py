"""The card over the API: what its page says, field by field, in as few queries, for whom it is for."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from swarm.models import PersonalToken
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, claimed_again
from tests.safety.acts import POST, decide, propose, reviewed
from tests.scene import Scene, play

NOT_ASKED = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")
QUERIES_MAX = 15  # as its page in the console; that of the token among them


@pytest.fixture
def scene(acme: Stage, settle: Callable[[], None]) -> Scene:
    return play(acme, settle)


def card(who: Caller, review: Any) -> Said:
    return who.get(f"reviews/{review}/card").ok()


def pick(found: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(found[name] for name in names)


def test_a_card_of_any_kind_is_read_in_fifteen_queries(acme: Stage, scene: Scene) -> None:
    look = {"name": "look", "when": {"tools": ["publish"]}, "then": "review"}
    acme.boss.post("policies", {"name": "house", "rules": [look], "status": "enforced"}).ok(201)
    action = propose(acme, acme.ada.claim()[0], amount_usd="0.01", payee="short.example").ok(201)["review"]
    card(acme.rita, scene.card)  # whatever is read once
    asked = {}
    for name, review in (("result", scene.card), ("spend", scene.spend), ("action", action)):
        with CaptureQueriesContext(connection) as queries:
            assert card(acme.boss, review)["review"]["kind"] == name
        asked[name] = [q["sql"] for q in queries if not q["sql"].startswith(NOT_ASKED)]
    many = {name: "\n".join(sql[:200] for sql in found) for name, found in asked.items() if len(found) > QUERIES_MAX}
    assert many == {}, {name: len(found) for name, found in asked.items()}


def test_it_has_the_review_as_it_stands_and_what_is_to_happen_in_words(acme: Stage, scene: Scene) -> None:
    found = card(acme.rita, scene.card)
    review = acme.rita.get(f"reviews/{scene.card}").ok().body
    since = ("changed", "superseded_at", "forgotten_at", "now")
    for memory in found["review"]["memories"]:
        assert [memory[name] for name in since] == [None] * len(since)
    assert len(review["memories"]) == 3
    assert found["review"] == review
    assert found["words"] == {
        "asked": "ada has done “Write a post about the ferry”, and hands this in.",
        "follows": {
            "approve": "this becomes the task's result, and $0.04 held for it is spent",
            "request_changes": "it goes back to an agent with your note, and $0.04 held for it is free again",
            "reject": "the task fails, and $0.04 held for it is free again",
        },
    }
    assert found["exactly"] == review["result"]["output_payload"]
    assert pick(found["task"], "description", "attempt_count", "agent_name", "made_by") == (
        "Write a post about the ferry",
        1,
        "ada",
        "pia",
    )
    assert found["task"]["input_payload"]["topic"] == "the ferry"


def test_it_says_what_is_left_of_the_money_with_it_and_without(acme: Stage, scene: Scene) -> None:
    money = card(acme.rita, scene.spend)["money"]
    assert (money["held_usd"], money["transactions_count"]) == ("0.12", 1)
    assert pick(money["transactions"][0], "amount_usd", "payee", "status") == ("0.12", "render.example", "review")
    house, ada = money["budgets"]
    assert (house["name"], ada["name"]) == ("the whole tenant", "agent ada")
    day = next(window for window in house["windows"] if window["window"] == "day")
    assert pick(day, "limit_usd", "held_usd", "captured_usd", "remaining_usd") == ("0.30", "0.20", "0.08", "0.02")
    assert day["this"] == {"held_usd": "0.12", "left_if_approved_usd": "0.02", "left_if_rejected_usd": "0.14"}
    acme.rita.post(f"reviews/{scene.spend}/decision", {"decision": "reject", "note": "not today"}).ok()
    after = card(acme.rita, scene.spend)
    assert {window["this"] for budget in after["money"]["budgets"] for window in budget["windows"]} == {None}
    day = next(w for w in after["money"]["budgets"][0]["windows"] if w["window"] == "day")
    assert (day["remaining_usd"], after["words"]["follows"]) == ("0.14", None)


def test_it_says_what_is_different_from_the_last_time(acme: Stage) -> None:
    claim, first = reviewed(acme, payee="short.example", purpose="the opening")
    assert card(acme.rita, first["review"])["earlier"] is None
    decide(acme, first, "request_changes", note="Name the hour.")
    claim = claimed_again(acme, claim)
    text = {**POST, "text": "The baths open at six."}
    again = propose(acme, claim, text, amount_usd="4", payee="short.example").ok(201)
    found = card(acme.rita, again["review"])
    assert pick(found["earlier"], "became", "why") == ("denied", "Changes requested: Name the hour.")
    changed = {each["path"]: (each["before"], each["value"]) for each in found["earlier"]["changes"]}
    assert changed == {"/text": (POST["text"], "The baths open at six."), "/(amount_usd)": ("3.00", "4.00")}
    assert found["exactly"] == text
    assert pick(found["action"], "id", "tool", "amount_usd", "payee", "digest", "original_arguments") == (
        again["id"],
        "publish",
        "4.00",
        "short.example",
        again["digest"],
        None,
    )
    assert found["words"]["asked"].startswith("ada wants to run “publish” for $4.00, paid to short.example.")


def test_the_attempts_before_say_a_line_each(acme: Stage, settle: Callable[[], None]) -> None:
    claim = at_work(acme)
    first = acme.ada.finish(claim, confidence=0.8, output={"text": "Come at five."}).ok()["review"]
    acme.rita.post(f"reviews/{first}/decision", {"decision": "request_changes", "note": "At six."}).ok()
    again = acme.ada.finish(claimed_again(acme, claim), confidence=0.8, output={"text": "Come at six."}).ok()["review"]
    found = card(acme.rita, again)
    (attempt,) = found["attempts"]
    assert pick(attempt, "attempt", "agent_name", "said") == (1, "ada", "Come at five.")
    assert found["earlier"]["changes"] == [
        {"op": "replace", "path": "/text", "before": "Come at five.", "value": "Come at six."}
    ]


def test_it_says_which_memories_changed_since_and_how(acme: Stage, scene: Scene) -> None:
    memory = {row["content"][:9]: row["id"] for row in acme.pia.get("memories").ok()["results"]}
    acme.pia.post(f"memories/{memory['The ferry']}/supersede", {"content": "It calls on Sundays only."}).ok(201)
    acme.otto.post(f"memories/{memory['The tide ']}/forget", {"reason": "a wrong gate"}).ok()
    found = {row["id"]: row for row in card(acme.rita, scene.card)["review"]["memories"]}
    ferry, tide = found[memory["The ferry"]], found[memory["The tide "]]
    assert ferry["content"].startswith("The ferry calls at the baths")  # as it was then
    assert (ferry["now"], ferry["forgotten_at"]) == ("It calls on Sundays only.", None)
    assert ferry["superseded_at"]
    assert tide["forgotten_at"]
    assert tide["now"] is None


def test_earlier_decisions_about_such_cards_are_counted_and_named(acme: Stage, scene: Scene) -> None:
    assert card(acme.rita, scene.card)["alike"] == {"became": [], "latest": []}
    acme.rita.post(f"reviews/{scene.topic}/decision", {"decision": "reject", "note": "Nobody promises that."}).ok()
    alike = card(acme.rita, scene.card)["alike"]
    assert alike["became"] == [{"became": "rejected", "number": 1}]
    assert pick(alike["latest"][0], "review", "became", "by", "note") == (
        scene.topic,
        "rejected",
        "rita@acme",
        "Nobody promises that.",
    )


def test_what_led_to_it_stands_from_the_campaign_down(acme: Stage, settle: Callable[[], None]) -> None:
    campaign = acme.otto.post("campaigns", {"name": "Harbour", "goal": "Fill the baths"}).ok(201)
    session = acme.session(campaign=campaign["id"], name="first week")
    above = acme.task(session, description="Plan the week")
    settle()
    acme.ada.claim()
    own = acme.task(session, description="Write the notice", parent_task=above["id"])
    settle()
    lineage = card(acme.rita, acme.ada.finish(acme.ada.claim()[0], confidence=0.8).ok()["review"])["lineage"]
    assert lineage["campaign"] == {"id": campaign["id"], "name": "Harbour", "goal": "Fill the baths"}
    assert lineage["session"] == {"id": session["id"], "name": "first week"}
    assert [pick(step, "id", "about", "made_by", "agent_name") for step in lineage["tasks"]] == [
        (above["id"], "Plan the week", "pia", "ada"),
        (own["id"], "Write the notice", "pia", "ada"),
    ]


def test_the_sessions_feed_goes_on_where_the_card_ends(acme: Stage, scene: Scene) -> None:
    found = card(acme.rita, scene.card)
    tail = found["tail"]
    shown = [event["position"] for event in tail["events"]]
    assert len(shown) == 25
    assert tail["after"] == shown[-1]
    acme.rita.post(f"reviews/{scene.card}/claim").ok()
    later = acme.rita.get(f"sessions/{scene.session}/events", after=tail["after"]).ok()["results"]
    new = [event for event in later if event["position"] not in shown]
    assert [event["type"] for event in new] == ["safety.review.claimed.v1"]
    assert {event["task"] for event in found["history"]} == {found["task"]["id"]}
    assert found["history"][-1]["what"] == "transaction kept"


def test_it_says_which_decisions_are_open_to_whom(acme: Stage, scene: Scene) -> None:
    acme.boss.post(f"agents/{acme.ada.id}/keys").ok(201)  # now it is the boss's agent that asks
    everything, nothing = {"approve", "reject", "request_changes"}, set[str]()
    for who, review, decisions, edits in (
        (acme.rita, scene.card, everything, True),
        (acme.rita, scene.spend, everything, False),
        (acme.boss, scene.card, everything, True),  # of a result nobody is kept away
        (acme.boss, scene.spend, everything - {"approve"}, False),
        (acme.otto, scene.card, nothing, False),
        (acme.anna, scene.spend, nothing, False),
    ):
        you = card(who, review)["you"]
        assert (set(you["decisions"]), you["edits"]) == (decisions, edits), (who.name, review)
    assert card(acme.boss, scene.spend)["you"]["barred"] == (
        "You issued a key of the agent that asks; somebody else approves what it spends."
    )
    assert card(acme.rita, scene.spend)["you"]["barred"] is None
    acme.rita.post(f"reviews/{scene.spend}/decision", {"decision": "approve"}).ok()
    assert card(acme.rita, scene.spend)["you"] == {"decisions": [], "edits": False, "barred": None}


def test_a_payee_with_a_full_stop_ends_its_sentence(acme: Stage) -> None:
    _, action = reviewed(acme, payee="Acme, Inc.")
    assert "paid to Acme, Inc. Its task" in card(acme.rita, action["review"])["words"]["asked"]


def test_who_may_only_read_is_offered_no_decision(acme: Stage, scene: Scene) -> None:
    with acme.bound():
        PersonalToken.objects.filter(user_id=int(acme.rita.id)).update(scopes=["read"])
    assert card(acme.rita, scene.card)["you"]["decisions"] == []
    acme.rita.post(f"reviews/{scene.card}/decision", {"decision": "approve"}).refused(403, "scope")


def test_an_edit_that_waits_for_another_approval_is_what_is_approved(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    tiers = {"approvals": [{"above_usd": "1", "approvers": 2, "roles": ["finance", "reviewer"]}]}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": tiers}).ok()
    review = propose(acme, at_work(acme), amount_usd="3").ok(201)["review"]
    edited = {**POST, "text": "The baths open at six."}
    acme.rita.post(f"reviews/{review}/decision", {"decision": "approve", "edited_payload": edited}).ok()
    found = card(acme.fay, review)
    assert found["exactly"] == edited
    assert [(vote["by"], vote["counts"]) for vote in found["review"]["votes"]] == [("rita@acme", True)]
    assert [each["path"] for each in found["review"]["changes"]] == ["/text"]


def test_the_difference_leads_to_what_an_edit_asks_for(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    tiers = {"approvals": [{"above_usd": "1", "approvers": 2, "roles": ["finance", "reviewer"]}]}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": tiers}).ok()
    claim = at_work(acme)
    decide(acme, propose(acme, claim, amount_usd="3").ok(201), "request_changes")
    again = propose(acme, claimed_again(acme, claim), {**POST, "text": "At five."}, amount_usd="3").ok(201)
    edited = {**POST, "text": "At six."}
    decide(acme, again, edited_payload=edited)
    found = card(acme.fay, again["review"])
    assert found["exactly"] == edited
    assert [(each["path"], each["before"], each["value"]) for each in found["earlier"]["changes"]] == [
        ("/text", POST["text"], "At six.")
    ]


def test_an_approval_that_would_not_count_is_not_offered(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    tiers = {"approvals": [{"above_usd": "1", "approvers": 2, "roles": ["finance"]}]}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": tiers}).ok()
    review = propose(acme, at_work(acme), amount_usd="3").ok(201)["review"]

    def refused(who: Caller) -> str:
        """Why; it is what the decision says, too."""
        you = card(who, review)["you"]
        said = who.post(f"reviews/{review}/decision", {"decision": "approve"})
        assert said.body["detail"] == you["barred"]
        assert you["decisions"] == ["reject", "request_changes"]
        return f"{said['code']}: {you['barred']} {you['edits']}"

    assert refused(acme.rita) == "role: This card needs 2 of finance; you are none of them. False"
    assert "approve" in card(acme.fay, review)["you"]["decisions"]
    acme.fay.post(f"reviews/{review}/decision", {"decision": "approve"}).ok()
    assert refused(acme.fay) == "already_voted: You have approved this card already; somebody else is needed. True"
    assert card(acme.boss, review)["you"]["barred"] is None


def test_while_all_work_is_stopped_no_approval_is_offered(acme: Stage, scene: Scene) -> None:
    acme.otto.post("tenant/stop", {"reason": "the swarm runs away"}).ok()
    you = card(acme.rita, scene.card)["you"]
    said = acme.rita.post(f"reviews/{scene.card}/decision", {"decision": "approve"}).refused(409, "stopped")
    assert you == {"decisions": ["reject", "request_changes"], "edits": False, "barred": said["detail"]}
    acme.otto.post("tenant/resume", {"reason": "it was tamed"}).ok()
    assert "approve" in card(acme.rita, scene.card)["you"]["decisions"]


def test_people_read_cards_and_agents_and_others_do_not(acme: Stage, zenith: Stage, scene: Scene) -> None:
    for who in (acme.rita, acme.otto, acme.fay, acme.anna, acme.boss):
        card(who, scene.card)
    for agent in (acme.ada, acme.pia, acme.jude):
        agent.get(f"reviews/{scene.card}/card").refused(403, "role")
    zenith.boss.get(f"reviews/{scene.card}/card").refused(404, "not_found")
    acme.rita.get(f"reviews/{scene.card}/card", page="2").refused(422, "unknown_parameter")
