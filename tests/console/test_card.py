"""The card on one screen: words, differences, what changed since, money, what led there; in fifteen queries at most."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from safety.admin.card import readable
from safety.diffs import changes
from safety.models import ReviewCard
from tests.cast import Stage
from tests.commerce.books import at_work, claimed_again
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.safety.acts import POST, decide, propose, reviewed
from tests.scene import Scene

CARD = NOUNS["card"]
NOT_ASKED = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")
QUERIES_MAX = 15  # those of login, sidebar and frame among them


@pytest.fixture
def action(acme: Stage, scene: Scene) -> str:
    """The card of an action that costs something, and that two people must approve; one has."""
    acme.budget(day_usd="20", per_transaction_usd="9")
    look = {"name": "look", "when": {"tools": ["publish"]}, "then": "review"}
    acme.boss.post("policies", {"name": "house", "rules": [look], "status": "enforced"}).ok(201)
    claim = acme.ada.claim()[0]
    lease = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    acme.ada.post("memories/search", {"query": "tide"} | lease).ok()
    card = str(propose(acme, claim, amount_usd="0.01", payee="short.example").ok(201)["review"])
    with acme.bound():
        two = [{"approvers": 2, "roles": ["reviewer"]}]
        ReviewCard.objects.filter(pk=card).update(quorum=two)
    acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}).ok()
    return card


def test_a_card_of_any_kind_is_read_in_fifteen_queries(boss: Desk, scene: Scene, action: str) -> None:
    boss.get("/admin/")  # whatever is read once
    asked = {}
    for name, card in (("result", scene.card), ("spend", scene.spend), ("action", action)):
        with CaptureQueriesContext(connection) as queries:
            boss.get(CARD.one(card)).ok()
        asked[name] = [q["sql"] for q in queries if not q["sql"].startswith(NOT_ASKED)]
    many = {name: "\n".join(sql[:200] for sql in found) for name, found in asked.items() if len(found) > QUERIES_MAX}
    assert many == {}, {name: len(found) for name, found in asked.items()}


def test_a_card_says_in_plain_words_what_each_decision_does(rita: Desk, acme: Stage, scene: Scene) -> None:
    result = rita.get(CARD.one(scene.card)).ok().text
    assert "ada has done “Write a post about the ferry”, and hands this in." in result
    assert "this becomes the task's result, and $0.04 held for it is spent" in result
    assert "Decided before it was asked" not in result
    spend = rita.get(CARD.one(scene.spend)).ok().text
    assert "ada wants to spend $0.12 at render.example." in spend
    assert "today: $0.12 of it is held for this. Approved, $0.02 is left; rejected, $0.14 ." in spend


def test_the_card_of_an_action_says_what_is_different_from_the_last_time(rita: Desk, acme: Stage) -> None:
    claim, first = reviewed(acme, payee="short.example", purpose="the opening")
    decide(acme, first, "request_changes", note="Name the hour.")
    claim = claimed_again(acme, claim)
    again = propose(acme, claim, {**POST, "text": "The baths open at six."}, amount_usd="4", payee="short.example").ok(
        201
    )
    page = rita.get(CARD.one(again["review"])).ok()
    for words in (
        "ada wants to run “publish” for $4.00, paid to short.example.",
        "What is different from the last time",
        "Changes requested: Name the hour.",
        "text The baths open on Saturday. The baths open at six.",
        "(amount_usd) 3.00 4.00",
        again["digest"],
    ):
        assert words in page.text, words


def test_the_card_of_a_spend_says_what_is_different_from_the_last_time(rita: Desk, acme: Stage) -> None:
    acme.budget(day_usd="20", approval_threshold_usd="1")
    claim = at_work(acme)
    asked = acme.ada.spend(claim, "5", purpose="a poster").ok(202)
    assert "What is different" not in rita.get(CARD.one(asked["review"])).ok().text
    decide(acme, asked, "request_changes", note="Too dear.")
    again = acme.ada.spend(claimed_again(acme, claim), "4", purpose="a small poster").ok(202)
    page = rita.get(CARD.one(again["review"])).ok().text
    assert "What is different from the last time" in page
    assert "changes requested: Too dear." in page
    assert "amount_usd 5.00 4.00" in page
    assert "purpose a poster a small poster" in page


def test_an_actions_arguments_are_edited_on_its_card(rita: Desk, acme: Stage) -> None:
    _, action = reviewed(acme)
    edited = '{"platform": "short", "text": "The baths open at six."}'
    rita.post(CARD.one(action["review"], "approve_edited"), edited_payload=edited, note="The hour.").ok()
    assert acme.anna.get(f"actions/{action['id']}").ok()["arguments"]["text"] == "The baths open at six."


def test_a_memory_that_changed_since_is_shown_with_what_it_says_now(rita: Desk, acme: Stage, scene: Scene) -> None:
    assert "changed since" not in rita.get(CARD.one(scene.card)).ok().text
    memory = acme.pia.get("memories").ok()["results"]
    ferry = next(m["id"] for m in memory if "ferry calls" in m["content"])
    tide = next(m["id"] for m in memory if "tide gate" in m["content"])
    acme.pia.post(f"memories/{ferry}/supersede", {"content": "The ferry calls on Sundays only."}).ok(201)
    acme.otto.post(f"memories/{tide}/forget", {"reason": "a wrong gate"}).ok()
    page = rita.get(CARD.one(scene.card)).ok().text
    assert "The ferry calls at the baths from Saturday on" in page  # as it was then
    assert "changed since Since just now it says: The ferry calls on Sundays only." in page
    assert "changed since It was forgotten just now ." in page


def test_earlier_decisions_about_such_cards_are_counted_and_linked(
    rita: Desk, acme: Stage, scene: Scene, settle: Callable[[], None]
) -> None:
    assert "Earlier decisions like it None yet." in rita.get(CARD.one(scene.card)).ok().text
    rita.post(CARD.one(scene.topic, "reject"), note="Nobody may promise that.").ok()
    page = rita.get(CARD.one(scene.card)).ok()
    assert "Earlier decisions like it 1 rejected" in page.text
    assert f'href="{CARD.one(scene.topic)}"' in page.html
    assert "Nobody may promise that." in page.text


def test_what_led_to_a_card_stands_from_the_campaign_down(rita: Desk, acme: Stage, settle: Callable[[], None]) -> None:
    campaign = acme.otto.post("campaigns", {"name": "Harbour", "goal": "Fill the baths"}).ok(201)
    session = acme.session(campaign=campaign["id"], name="first week")
    above = acme.task(session, description="Plan the week")
    settle()
    acme.ada.claim()
    acme.task(session, description="Write the notice", parent_task=above["id"])
    settle()
    (claim,) = acme.ada.claim()
    review = acme.ada.finish(claim, confidence=0.8).ok()["review"]
    settle()
    assert (
        "Campaign Harbour Goal Fill the baths Session first week "
        "Plan the week research, made by pia Write the notice research, made by pia"
    ) in rita.get(CARD.one(review)).ok().text


def test_the_tail_begins_where_the_page_ends(rita: Desk, acme: Stage, scene: Scene) -> None:
    page = rita.get(CARD.one(scene.card)).ok().html
    positions = [part.split('"')[0] for part in page.split('data-position="')[1:]]
    assert len(positions) == 25
    assert positions == sorted(positions, key=lambda p: [int(n) for n in p.split("-")], reverse=True)
    assert f'data-timeline="{scene.session}" data-after="{positions[-1]}"' in page


def test_a_decision_about_what_has_changed_meanwhile_is_refused(rita: Desk, acme: Stage, waiting: str) -> None:
    page = rita.get(CARD.one(waiting)).ok()
    assert 'name="seen_version" value="1"' in page.html
    with acme.bound():
        ReviewCard.objects.filter(pk=waiting).update(version=F("version") + 1)
    said = rita.post(CARD.one(waiting, "approve"), seen_version="1").ok()
    assert "This card has changed since you read it" in said.text
    long = {"seen_version": "1", "note": "A long and careful reason.", "edited_payload": '{"post": "mine"}'}
    for verb, words in (("reject", long["note"]), ("approve_edited", "{&quot;post&quot;: &quot;mine&quot;}")):
        page = rita.post(CARD.one(waiting, verb), **long)  # what was typed is not lost
        assert (page.status, words in page.html) == (409, True), verb
        assert "This card has changed since you read it" in page.text
        assert page.html.count('name="seen_version" value="2"') == len(page.buttons - {"claim"})
    assert "rita@acme approved" in rita.post(CARD.one(waiting, "approve"), seen_version="2").ok().text


def test_differences_are_told_place_by_place() -> None:
    before = {"text": "a", "tags": ["x", "y"], "gone": {"deep": 1}, "a/b": 1, "2026": {"5": 1}, "off": [1, [2, 3]]}
    now = {"text": "b", "tags": ["x", "z", "w"], "new": None, "a/b": 2, "2026": {"5": 2}, "off": [1, [2]]}
    assert readable(changes(before, now), now) == [
        ("2026 › 5", "1", "2"),
        ("a/b", "1", "2"),
        ("gone", '{"deep": 1}', None),
        ("new", None, "null"),
        ("off › 2 › 2", "3", None),
        ("tags › 2", "y", "z"),
        ("tags › 3", None, "w"),
        ("text", "a", "b"),
    ]
