"""Early decisions at the console: what waits, what it met, and why it did not count."""

from tests.cast import Stage
from tests.commerce.books import at_work
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.safety.test_early_decisions import KEY, RESULT, SPEND, early, say

EARLY, CARD = NOUNS["early"], NOUNS["card"]


def test_its_page_says_what_it_met_and_the_cards_when_it_was_said(acme: Stage, rita: Desk) -> None:
    say(acme.rita, digest=RESULT).ok(202)
    say(acme.rita, "reject", key="order 18").ok(202)
    review = acme.ada.finish(at_work(acme), 0.8, correlation_key=KEY).ok()["review"]
    (waits, used) = acme.rita.get("reviews/decisions").ok()["results"]
    page = rita.get(EARLY.one(used["id"])).ok()
    assert CARD.one(review) in page.html
    for words in (KEY, RESULT, "as we spoke", "used"):
        assert words in page.text, words
    card = rita.get(CARD.one(review)).ok().text
    assert "Decided before it was asked" in card
    assert KEY in card
    waiting = rita.get(EARLY.list, status__exact="waiting").ok().text
    assert ("order 18" in waiting, KEY in waiting) == (True, False)
    assert "order 18" in rita.get(EARLY.list, q="order 18").text
    assert waits["status"] == "waiting"


def test_what_did_not_count_says_why_above_its_page(acme: Stage, rita: Desk) -> None:
    say(acme.rita, digest=SPEND).ok(202)
    acme.ada.finish(at_work(acme), 0.8, correlation_key=KEY).ok()
    assert early(acme) == [("refused", "approval_mismatch")]
    (refused,) = acme.rita.get("reviews/decisions").ok()["results"]
    assert "It did not count. What was approved is not what is asked" in rita.get(EARLY.one(refused["id"])).ok().text
