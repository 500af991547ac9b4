"""The queue in the console: views and their numbers, taking the next card, one reason for several, what is new to whom."""

from datetime import timedelta
from uuid import UUID

from django.db import connections

from chimera.kernel import clock
from chimera.kernel.sensitive import Pattern
from safety.admin.reasons import REASONS, tone_of, words_of
from safety.counts import counts_for
from safety.models import ReviewCard
from safety.topics.names import Topic
from tests.cast import Stage
from tests.console.desk import Desk, Page
from tests.console.places import NOUNS
from tests.plans import watched
from tests.safety.piles import pile, rows
from tests.scene import Scene

CARD = NOUNS["card"]
NEXT = f"{CARD.list}next/"
DECIDED = 500
ROWS_MAX = 450  # of one statement: four counts, each up to a hundred


def shown(page: Page, cards: list[str]) -> list[str]:
    """Those that the list links to, in its order."""
    found = [(page.html.find(f"/reviewcard/{card}/"), card) for card in cards]
    return [card for place, card in sorted(found) if place >= 0]


def ask(desk: Desk, action: str, cards: list[str], **more: object) -> Page:
    return desk.post(CARD.list, action=action, index="0", _selected_action=cards, **more)


def test_the_views_are_of_one_person_and_say_how_many_there_are(rita: Desk, boss: Desk, acme: Stage) -> None:
    cards = pile(acme, 3)
    with acme.bound():
        ReviewCard.objects.filter(pk=cards[2]).update(due_at=clock.now() + timedelta(minutes=30))
    page = rita.post(NEXT).ok()
    assert page.response.redirect_chain[-1][0] == CARD.one(cards[2])
    assert "You are looking at it until" in page.text
    list_page = rita.get(CARD.list).ok()
    assert "Waiting Mine 1 Unclaimed Due soon 1 New 2 Decided" in list_page.text
    assert "Waiting Mine Unclaimed Due soon 1 New 3 Decided" in boss.get(CARD.list).ok().text
    for standing, expected in (("mine", cards[2:]), ("unclaimed", cards[:2]), ("due", cards[2:]), ("new", cards[:2])):
        assert shown(rita.get(CARD.list, standing=standing).ok(), cards) == expected, standing


def test_the_list_is_searched_by_what_a_card_is_about(rita: Desk, acme: Stage, scene: Scene) -> None:
    every = [scene.card, scene.topic, scene.spend]
    assert shown(rita.get(CARD.list, q="ferry").ok(), every) == [scene.card]
    assert shown(rita.get(CARD.list, q="render.example").ok(), every) == [scene.spend]
    assert shown(rita.get(CARD.list, q="launch, first").ok(), every) == every


def test_a_card_is_new_until_its_page_was_opened(rita: Desk, acme: Stage) -> None:
    (card,) = pile(acme, 1)
    assert "Paint hut 1 new" in rita.get(CARD.list).ok().text
    assert f'action="{CARD.one(card, "seen")}"' in rita.get(CARD.one(card)).ok().html
    assert rita.post(CARD.one(card, "seen")).status == 204
    assert rita.post(CARD.one(card, "seen")).status == 204
    assert "Paint hut 1 new" not in rita.get(CARD.list).ok().text


def test_who_decides_nothing_takes_nothing(acme: Stage) -> None:
    (card,) = pile(acme, 1)
    anna = Desk(acme.anna)
    assert "Take the next one" not in anna.get(CARD.list).ok().text
    assert "Take the next one" not in anna.get(CARD.one(card)).ok().text
    assert 'name="_selected_action"' not in anna.get(CARD.list).ok().html
    assert [anna.post(path).status for path in (NEXT, CARD.one(card, "seen"))] == [403, 403]
    assert ask(anna, "approve", [card], confirmed="1", note="x").status == 403
    assert [anna.get(path).status for path in (NEXT, CARD.one(card, "seen"))] == [405, 405]


def test_nothing_left_is_said(rita: Desk) -> None:
    for chosen in ({}, {"kind": "judge"}, {"session": str(UUID(int=1))}):
        assert "Nothing is left that you may approve and nobody is at." in rita.post(NEXT, **chosen).ok().text
    for odd in ({"kind": "\x00"}, {"kind": "nonsense"}, {"session": "nonsense"}):
        assert rita.post(NEXT, **odd).status == 422


def test_what_one_is_at_is_put_back_by_oneself_alone(rita: Desk, boss: Desk, acme: Stage) -> None:
    (card,) = pile(acme, 1)
    rita.post(NEXT).ok()
    assert "release" in rita.get(CARD.one(card)).buttons
    assert "release" not in boss.get(CARD.one(card)).buttons
    assert "You are not at this card" in boss.post(CARD.one(card, "release")).ok().text
    assert "rita@acme put back" in rita.post(CARD.one(card, "release")).ok().text
    assert boss.post(NEXT).ok().response.redirect_chain[-1][0] == CARD.one(card)


def test_several_cards_are_asked_about_and_decided_with_one_reason(rita: Desk, boss: Desk, acme: Stage) -> None:
    cards = pile(acme, 4)
    boss.post(CARD.one(cards[2], "claim")).ok()
    asked = ask(rita, "reject", cards[:3]).ok()
    assert "Reject 3 cards?" in asked.text
    assert "Paint hut 1 It is to run only when a person starts it." in asked.text
    read = [f"{card}:1" for card in cards[:3]]
    assert "Say why" in ask(rita, "reject", cards[:3], confirmed="1", read=read, note=" ").text
    said = ask(rita, "reject", cards[:3], confirmed="1", read=read, note="No paint is left.").ok()
    assert "rita@acme rejected 2 cards at" in said.text
    assert "Left as it is: “Paint hut 3”. boss@acme is looking at it until" in said.text
    with acme.bound():
        decided = dict(ReviewCard.objects.values_list("pk", "status"))
    assert [decided[UUID(card)] for card in cards] == ["rejected", "rejected", "pending", "pending"]


def test_a_card_that_changed_after_the_question_is_left(rita: Desk, acme: Stage) -> None:
    (card,) = pile(acme, 1)
    said = ask(rita, "approve", [card], confirmed="1", read=f"{card}:9", note="fine").ok()
    assert "Left as it is: “Paint hut 1”. This card has changed since you read it" in said.text


def test_a_batch_that_is_no_batch_is_refused(rita: Desk, acme: Stage) -> None:
    (card,) = pile(acme, 1)
    assert ask(rita, "delete_selected", [card]).status == 422
    assert ask(rita, "approve", [card], confirmed="1", read="nonsense", note="x").status == 422
    assert ask(rita, "approve", ["nonsense"]).status == 422


def test_what_a_card_and_the_counts_read_does_not_grow_with_the_cards(rita: Desk, acme: Stage) -> None:
    """Neither with those that wait nor with those that were decided, which lie before them in the table."""
    with acme.bound():
        decided = {"status": "approved", "decided_by_id": int(acme.boss.id), "decided_at": clock.now()}
        ReviewCard.objects.filter(pk__in=rows(acme, DECIDED)).update(**decided)
    (card, *_) = pile(acme, 30)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE swarm_task, safety_reviewcard")
    with watched() as read:
        rita.get(CARD.one(card)).ok()
        with acme.bound():
            counts_for(int(acme.rita.id))
    assert len(read) > 10
    assert {sql: number for sql, number in read.items() if number > ROWS_MAX} == {}


def test_every_reason_is_filtered_for_by_name_and_what_must_not_pass_unseen_is_red() -> None:
    conditions = {"tool", "amount", "payee", "confidence", "trust", "hours", "risk_tier", "task", "subject"}
    secrets = {f"pattern_{one}" for one in Pattern}
    topics = {f"topic_{one}" for one in Topic}
    assert conditions | secrets | topics <= set(REASONS)
    assert {tone_of(code) for code in secrets | topics} == {"bad"}
    assert words_of(f"pattern_{Pattern.PRIVATE_KEY}") == "private key"
