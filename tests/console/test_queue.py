"""The queue and the card: what a reviewer sees, decides, and is told."""

import json
from collections.abc import Callable
from datetime import timedelta

from django.db import connections

from chimera.kernel import clock
from safety.models import ReviewCard
from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS
from tests.safety.acts import reviewed
from tests.scene import Scene

CARD = NOUNS["card"]


def _task(acme: Stage, card: str) -> dict[str, object]:
    with acme.bound():
        task_id = ReviewCard.objects.get(pk=card).task_id
    body: dict[str, object] = acme.pia.get(f"tasks/{task_id}").ok().body
    return body


def _due(acme: Stage, card: str, hours: float) -> None:
    with acme.bound():
        ReviewCard.objects.filter(pk=card).update(due_at=clock.now() + timedelta(hours=hours))


def test_the_queue_shows_the_oldest_due_first_with_colours_and_a_count(rita: Desk, acme: Stage, scene: Scene) -> None:
    _due(acme, scene.spend, -0.5)
    page = rita.get(CARD.list).ok()
    first, second, third = (page.html.index(card) for card in (scene.spend, scene.card, scene.topic))
    assert first < second < third
    assert "overdue by 30 min" in page.text
    assert "in 3 h 59 min" in page.text
    for tone, words in (("warn", "spend"), ("info", "confidence"), ("bad", "health advice")):
        assert f'<span class="chm-label chm-{tone}"' in page.html
        assert words in page.text
    assert "Reviews 3" in page.text


def test_cards_are_filtered_by_kind_reason_session_and_standing(rita: Desk, scene: Scene) -> None:
    def found(**query: str) -> set[str]:
        html = rita.get(CARD.list, **query).ok().html
        return {name for name in ("card", "topic", "spend") if f"/{getattr(scene, name)}/" in html}

    assert found() == {"card", "topic", "spend"}
    assert found(kind__exact="spend") == {"spend"}
    assert found(reason="topic_health_advice") == {"topic"}
    assert found(session=scene.session) == {"card", "topic", "spend"}
    assert found(session=scene.campaign) == set()
    assert found(standing="decided") == set()
    assert found(q=scene.card) == {"card"}


def test_the_card_shows_everything_on_one_screen(rita: Desk, scene: Scene) -> None:
    page = rita.get(CARD.one(scene.card)).ok()
    for words in (
        "Its confidence is 0.81",  # the reason
        "From Saturday the ferry calls at the baths",  # the result
        "Built from what the swarm remembers of it",  # its reasoning
        "The ferry calls at the baths from Saturday on",  # the memory that was used
        "ferry-notice.md",
        "$0.04 render.example held",  # money held
        "$0.20 held, $0.02 left of $0.30",  # what remains of the budget asked
        "topic the ferry",  # the task's input
        "Invite the town to the reopened harbour baths",  # the campaign's goal
        "task claimed attempt 1 ada",  # the history
    ):
        assert words in page.text, words
    assert page.buttons == CARD.verbs


def test_a_sensitive_topic_shows_the_words_that_gave_it_away(rita: Desk, acme: Stage, scene: Scene) -> None:
    (reason,) = acme.boss.get(f"reviews/{scene.topic}").ok()["reasons"]
    assert "safe to swim" in reason["evidence"]
    page = rita.get(CARD.one(scene.topic)).ok()
    assert " ".join(f"health advice {reason['detail']} {reason['evidence']}".split()) in page.text


def test_earlier_attempts_stand_on_the_card(rita: Desk, acme: Stage, settle: Callable[[], None]) -> None:
    acme.task(acme.session())
    settle()
    acme.ada.finish(acme.ada.claim()[0], confidence=0.4, output={"text": "A first, weak try."}).ok()
    settle()
    review = acme.ada.finish(acme.ada.claim()[0], confidence=0.8).ok()["review"]
    page = rita.get(CARD.one(review)).ok()
    assert "Earlier attempts" in page.text
    assert "A first, weak try." in page.text


def test_approving_completes_the_task_and_says_who_did_it(rita: Desk, acme: Stage, waiting: str) -> None:
    page = rita.post(CARD.one(waiting, "approve")).ok()
    assert "rita@acme approved result to look at “Write a post about the harbour” at" in page.text
    assert "Approved by rita@acme at" in page.text
    assert page.buttons == set()
    assert _task(acme, waiting)["status"] == "completed"


def test_approving_a_spend_lets_its_task_go_on(rita: Desk, acme: Stage, scene: Scene) -> None:
    rita.post(CARD.one(scene.spend, "approve")).ok()
    assert _task(acme, scene.spend)["status"] == "queued"


def test_rejecting_needs_a_note_and_fails_the_task(rita: Desk, acme: Stage, waiting: str) -> None:
    refused = rita.post(CARD.one(waiting, "reject"), note=" ")
    assert refused.status == 422
    assert "Say why" in refused.text
    assert _task(acme, waiting)["status"] == "blocked"
    page = rita.post(CARD.one(waiting, "reject"), note="The gate is closed on Sundays.").ok()
    assert "The gate is closed on Sundays." in page.text
    assert _task(acme, waiting)["status"] == "failed"


def test_requested_changes_reach_the_agent_with_its_next_claim(
    rita: Desk, acme: Stage, waiting: str, settle: Callable[[], None]
) -> None:
    assert rita.post(CARD.one(waiting, "request_changes")).status == 422
    rita.post(CARD.one(waiting, "request_changes"), note="Name the hour.").ok()
    assert _task(acme, waiting)["status"] == "queued"
    settle()
    (claim,) = acme.ada.claim()
    assert claim["resume"]["note"] == "Name the hour."


def test_an_edited_result_is_approved_as_edited(rita: Desk, acme: Stage, waiting: str) -> None:
    assert "Swim at high tide, not before." in rita.get(CARD.one(waiting)).html
    edited = {"post": "Swim two hours before high water.", "platform": "short"}
    rita.post(CARD.one(waiting, "approve_edited"), edited_payload=json.dumps(edited), note="The hour was missing.").ok()
    task = _task(acme, waiting)
    assert task["status"] == "completed"
    assert task["results"][0]["output_payload"] == edited  # type: ignore[index]


def test_edits_that_are_no_json_object_are_refused_and_kept_on_the_page(rita: Desk, acme: Stage, waiting: str) -> None:
    for wrong, sentence in (
        ('{"post": "half', "The body is not JSON"),
        ('["a list"]', "must be a JSON object"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": "\\u0000"}', "NUL character"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"a": ' * 40 + "1" + "}" * 40, "nested deeper"),
        ("", "This field is required"),
    ):
        page = rita.post(CARD.one(waiting, "approve_edited"), edited_payload=wrong)
        assert page.status == 422, wrong
        assert sentence in page.text, (wrong, sentence)
    assert _task(acme, waiting)["status"] == "blocked"
    again = rita.post(CARD.one(waiting, "approve_edited"), edited_payload='{"post": "half')
    assert "{&quot;post&quot;: &quot;half" in again.html


def test_the_second_reviewer_is_told_who_decided_and_when(rita: Desk, boss: Desk, acme: Stage, waiting: str) -> None:
    assert "approve" in boss.get(CARD.one(waiting)).buttons  # both have it open
    rita.post(CARD.one(waiting, "approve")).ok()
    page = boss.post(CARD.one(waiting, "reject"), note="I was about to say no.").ok()
    assert "This card was already approved by rita@acme at" in page.text
    assert "boss@acme rejected" not in page.text
    assert _task(acme, waiting)["status"] == "completed"


def test_whoever_looks_at_a_card_is_shown_to_colleagues(rita: Desk, boss: Desk, waiting: str) -> None:
    assert "You are looking at it until" in rita.post(CARD.one(waiting, "claim")).text
    assert "rita@acme is looking at it until" in boss.get(CARD.one(waiting)).text
    assert "rita@acme is looking" in boss.get(CARD.list).text
    assert "rita@acme is looking at it until" in boss.post(CARD.one(waiting, "claim")).text
    with clock.held(clock.now() + timedelta(minutes=11)):
        assert "is looking" not in boss.get(CARD.list).text


def test_a_decided_card_is_found_among_the_decided(rita: Desk, waiting: str) -> None:
    rita.post(CARD.one(waiting, "approve")).ok()
    assert "No card waits for a decision." in rita.get(CARD.list).text
    assert "approved rita@acme" in rita.get(CARD.list, standing="decided").text


def test_a_card_outlives_its_task(rita: Desk, acme: Stage, waiting: str) -> None:
    """Tasks go after 90 days; the card stays, and says so."""
    rita.post(CARD.one(waiting, "approve")).ok()
    with acme.bound():
        task_id = ReviewCard.objects.get(pk=waiting).task_id
    with connections["owner"].cursor() as cursor:
        for table, column in (("taskprogress", "task_id"), ("taskresult", "task_id"), ("task", "id")):
            cursor.execute(f"DELETE FROM swarm_{table} WHERE {column} = %s", [task_id])
    assert waiting in rita.get(CARD.list, standing="decided").ok().html
    assert "gone after 90 days" in rita.get(CARD.one(waiting)).ok().text


def test_the_card_of_an_action_shows_what_is_to_happen_and_is_approved(rita: Desk, acme: Stage) -> None:
    _, action = reviewed(acme, payee="short.example")
    card = CARD.one(action["review"])
    assert "action" in rita.get(CARD.list, kind__exact="action").ok().text
    page = rita.get(card).ok()
    for words in (
        "What is to happen",
        "publish",
        "The baths open on Saturday.",
        "short.example",
        action["digest"][:16],
    ):
        assert words in page.text, words
    assert "approved" in rita.post(CARD.one(action["review"], "approve"), note="go on").ok().text.lower()
    assert acme.anna.get(f"actions/{action['id']}").ok()["status"] == "allowed"
