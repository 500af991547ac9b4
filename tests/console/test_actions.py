"""Actions at the console: what agents wanted to do, why it was stopped, and where it leads."""

from tests.cast import Stage
from tests.commerce.books import at_work
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.safety.acts import execute, outcome, propose
from tests.safety.test_policy_doors import made

ACTION, CARD = NOUNS["action"], NOUNS["card"]


def test_the_list_says_what_agents_wanted_and_what_became_of_it(acme: Stage, rita: Desk) -> None:
    acme.budget(day_usd="20")
    made(acme, {"name": "no shell", "when": {"tools": ["shell"]}, "then": "deny"})
    claim = at_work(acme)
    propose(acme, claim, tool="shell").ok(201)
    done = propose(acme, claim, tool="pay", amount_usd="3", payee="render.example").ok(201)
    outcome(acme, execute(acme, claim, done["id"], digest=done["digest"]).ok(), output={"receipt": "no. 17"}).ok()
    text = rita.get(ACTION.list).ok().text
    for words in ("shell", "denied", "pay", "succeeded", "3.00", "render.example", "ada"):
        assert words in text, words
    denied = rita.get(ACTION.list, status__exact="denied").ok().text
    assert ("shell" in denied, "render.example" in denied) == (True, False)
    assert "render.example" in rita.get(ACTION.list, q="pa").ok().text
    page = rita.get(ACTION.one(done["id"])).ok()
    for words in ("no. 17", done["digest"], "The baths open on Saturday.", "It was."):
        assert words in page.text, words


def test_its_page_says_why_it_waits_and_leads_to_its_card(acme: Stage, rita: Desk) -> None:
    made(acme, {"name": "look", "when": {"tools": ["publish"]}, "then": "review"})
    action = propose(acme, at_work(acme)).ok(201)
    page = rita.get(ACTION.one(action["id"])).ok()
    assert CARD.one(action["review"]) in page.html
    for words in ("It uses the tool “publish”", "look, version 1", "review"):
        assert words in page.text, words
