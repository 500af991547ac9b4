"""The queue over the API: the next card, cards that are put back, and one reason for several."""

from datetime import timedelta
from typing import Any

import pytest

from chimera.kernel import clock
from safety.actions import taking
from safety.models import ReviewCard
from tests.cast import Caller, Stage
from tests.commerce.books import at_work
from tests.safety.acts import propose, reviewed
from tests.safety.piles import pile


def take(who: Caller, **chosen: Any) -> str | None:
    review = who.post("reviews/next", chosen).ok()["review"]
    return review["id"] if review else None


def batch(
    who: Caller, cards: list[str], decision: str = "reject", note: str = "not today", **more: Any
) -> dict[str, str]:
    """What became of each: its status, or the code for which it was left."""
    body = {"decision": decision, "note": note, "reviews": [{"id": card} | more for card in cards]}
    outcomes = who.post("reviews/batch", body).ok()["outcomes"]
    return {each["review"]: each.get("status") or each["error"]["code"] for each in outcomes}


def test_the_next_card_is_the_one_due_first_that_nobody_is_at(acme: Stage) -> None:
    first, second, third = pile(acme, 3)
    assert [take(acme.rita), take(acme.boss), take(acme.rita), take(acme.boss)] == [first, second, third, None]
    card = acme.rita.get(f"reviews/{first}").ok()
    assert card["claimed_by"] == "rita@acme"
    assert card["headline"] == "Paint hut 1"


def test_a_claim_that_has_run_out_keeps_its_card_from_nobody(acme: Stage) -> None:
    (card,) = pile(acme, 1)
    assert take(acme.rita) == card
    assert take(acme.boss) is None
    with clock.held(clock.now() + timedelta(minutes=11)):
        assert take(acme.boss) == card
        assert acme.rita.post(f"reviews/{card}/claim").refused(409, "claimed")["claimed_by"] == "boss@acme"


def test_what_is_put_back_is_somebody_elses_next(acme: Stage) -> None:
    (card,) = pile(acme, 1)
    acme.rita.post(f"reviews/{card}/release").refused(409, "not_claimed")
    take(acme.rita)
    acme.boss.post(f"reviews/{card}/release").refused(409, "not_claimed")
    assert acme.rita.post(f"reviews/{card}/release").ok()["claimed_by"] is None
    assert take(acme.boss) == card


def test_the_next_card_is_of_the_kind_and_session_that_are_asked_for(acme: Stage) -> None:
    here = pile(acme, 1)
    there = acme.session()["id"]
    (other,) = pile(acme, 1, session=there)
    assert take(acme.rita, kind="spend") is None
    assert take(acme.rita, session=there, kind="manual") == other
    assert take(acme.rita) == here[0]
    acme.rita.post("reviews/next", {"kind": "judge"}).refused(422, "invalid")


def test_nobody_is_given_what_they_could_only_reject(acme: Stage) -> None:
    """Finance approves no manual start, and nobody the spend of an agent whose key they issued."""
    pile(acme, 1)
    assert take(acme.fay) is None
    acme.boss.post(f"agents/{acme.ada.id}/keys").ok(201)
    _, action = reviewed(acme)
    assert take(acme.boss, kind="action") is None
    assert take(acme.rita, kind="action") == action["review"]


def test_who_has_approved_makes_room_for_the_next_and_is_not_given_it_again(acme: Stage) -> None:
    budget = acme.budget(day_usd="20")
    tiers = {"approvals": [{"above_usd": "1", "approvers": 2, "roles": ["finance", "reviewer"]}]}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": tiers}).ok()
    action = propose(acme, at_work(acme), amount_usd="3").ok(201)
    assert take(acme.rita) == action["review"]
    assert acme.rita.post(f"reviews/{action['review']}/decision", {"decision": "approve"}).ok()["claimed_by"] is None
    assert take(acme.rita) is None
    assert take(acme.fay) == action["review"]


def test_one_person_is_at_so_many_cards_and_no_more(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "CLAIMS_MAX", 2)
    first, *_ = pile(acme, 3)
    take(acme.rita)
    take(acme.rita)
    assert acme.rita.post("reviews/next").refused(409, "too_many_claims")["claims"] == 2
    batch(acme.rita, [first])
    assert take(acme.rita)


def test_a_claim_of_a_chosen_card_is_of_those_so_many(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "CLAIMS_MAX", 1)
    first, second = pile(acme, 2)
    for _ in range(2):  # once more is for as long again, and not one more
        acme.rita.post(f"reviews/{first}/claim").ok()
    acme.rita.post(f"reviews/{second}/claim").refused(409, "too_many_claims")
    acme.rita.post(f"reviews/{first}/release").ok()
    acme.rita.post(f"reviews/{second}/claim").ok()


def test_whoever_a_card_asks_may_claim_it_and_nobody_else(acme: Stage) -> None:
    """The same people for whom it can be the next one."""
    budget = acme.budget(day_usd="20")
    tiers = {"approvals": [{"above_usd": "1", "approvers": 1, "roles": ["finance"]}]}
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": tiers}).ok()
    bought = propose(acme, at_work(acme), amount_usd="3").ok(201)["review"]
    (plain,) = pile(acme, 1)
    acme.fay.post(f"reviews/{bought}/claim").ok()
    for who, card in (
        (acme.fay, plain),
        (acme.otto, plain),
        (acme.otto, bought),
        (acme.anna, plain),
        (acme.ada, plain),
    ):
        who.post(f"reviews/{card}/claim").refused(403, "role")
    acme.fay.post(f"reviews/{bought}/release").ok()
    acme.rita.post(f"reviews/{bought}/claim").ok()


def test_a_decision_says_which_version_it_is_about(acme: Stage) -> None:
    (card,) = pile(acme, 1)
    with acme.bound():
        ReviewCard.objects.filter(pk=card).update(version=7)
    said = {"decision": "reject", "note": "no paint"}
    for odd in (0, "7", 7.0, True, 2_000_000_001):
        acme.rita.post(f"reviews/{card}/decision", said | {"version": odd}).refused(422, "invalid")
    acme.rita.post(f"reviews/{card}/decision", said | {"version": 6}).refused(409, "stale")
    assert acme.rita.get(f"reviews/{card}").ok()["status"] == "pending"
    assert acme.rita.post(f"reviews/{card}/decision", said | {"version": 7}).ok()["status"] == "rejected"


def test_several_are_decided_with_one_reason_and_what_does_not_go_is_told(acme: Stage) -> None:
    free, claimed, decided, changed, twice = pile(acme, 5)
    acme.boss.post(f"reviews/{claimed}/claim").ok()
    acme.boss.post(f"reviews/{decided}/decision", {"decision": "approve"}).ok()
    with acme.bound():
        ReviewCard.objects.filter(pk=changed).update(version=7)
    nobody = "01900000-0000-7000-8000-000000000001"
    outcomes = batch(acme.rita, [free, claimed, decided, twice, twice, nobody]) | batch(acme.rita, [changed], version=1)
    assert outcomes == {
        free: "rejected",
        claimed: "claimed",
        decided: "already_decided",
        twice: "rejected",
        nobody: "not_found",
        changed: "stale",
    }
    assert acme.rita.get(f"reviews/{free}").ok()["note"] == "not today"
    assert acme.rita.get(f"reviews/{claimed}").ok()["status"] == "pending"
    assert batch(acme.rita, [changed], version=7) == {changed: "rejected"}


def test_a_batch_asks_for_a_reason_and_obeys_four_eyes(acme: Stage) -> None:
    (card,) = pile(acme, 1)
    acme.rita.post("reviews/batch", {"decision": "approve", "note": " ", "reviews": [{"id": card}]}).refused(
        422, "invalid"
    )
    acme.boss.post(f"agents/{acme.ada.id}/keys").ok(201)
    _, action = reviewed(acme)
    both = [card, action["review"]]
    assert batch(acme.boss, both, "approve") == {card: "approved", action["review"]: "own_request"}
    assert batch(acme.rita, both[1:], "approve") == {action["review"]: "approved"}


def test_the_queue_is_looked_at_by_who_is_at_what_and_what_is_due(acme: Stage) -> None:
    first, second, third = pile(acme, 3)
    take(acme.rita)
    with acme.bound():
        ReviewCard.objects.filter(pk=third).update(due_at=clock.now() + timedelta(minutes=30))

    def found(who: Caller, queue: str) -> set[str]:
        return {row["id"] for row in who.get("reviews", queue=queue).ok()["results"]}

    assert (found(acme.rita, "mine"), found(acme.boss, "mine")) == ({first}, set())
    assert found(acme.boss, "unclaimed") == {second, third}
    assert found(acme.boss, "due_soon") == {third}
    assert (found(acme.rita, "unseen"), found(acme.boss, "unseen")) == ({second, third}, {first, second, third})
    acme.rita.get("reviews", queue="all").refused(422, "invalid")
    for card, decision in ((second, "approve"), (first, "reject")):
        acme.boss.post(f"reviews/{card}/decision", {"decision": decision, "note": "seen"}).ok()
    assert [found(acme.rita, queue) for queue in ("decided", "waiting", "judge")] == [{first, second}, {third}, set()]


def test_a_badge_counts_what_waits_for_a_person(acme: Stage) -> None:
    _, _, third = pile(acme, 3)
    take(acme.rita)
    with acme.bound():
        ReviewCard.objects.filter(pk=third).update(due_at=clock.now() + timedelta(minutes=30))
    counts = {"waiting": 3, "mine": 1, "due_soon": 1, "unseen": 2}
    assert acme.rita.get("reviews/counts").ok().body == counts
    assert acme.boss.get("reviews/counts").ok().body == counts | {"mine": 0, "unseen": 3}


def test_a_queue_is_paged_in_the_order_in_which_it_is_due(acme: Stage) -> None:
    """Whatever is newest: two fall due at the same moment, and the last one made first of all."""
    a, b, c, d = pile(acme, 4)
    with acme.bound():
        at = clock.now() + timedelta(minutes=20)
        ReviewCard.objects.filter(pk=d).update(due_at=at - timedelta(microseconds=1))
        ReviewCard.objects.filter(pk__in=[a, b]).update(due_at=at)
    found, cursor = [], {}
    while True:
        page = acme.rita.get("reviews", queue="waiting", limit=1, **cursor).ok()
        found += [row["id"] for row in page["results"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == [d, a, b, c]
    for odd in ("x", "AAAA", acme.rita.get("reviews", limit=1).ok()["next"]):
        acme.rita.get("reviews", queue="waiting", cursor=odd).refused(422, "invalid_cursor")


def test_a_queue_is_narrowed_and_searched_as_in_the_console(acme: Stage) -> None:
    first, second = pile(acme, 2, session=acme.session(name="huts of the quay")["id"])
    action = reviewed(acme)[1]["review"]

    def found(**asked: str) -> list[str]:
        return [row["id"] for row in acme.rita.get("reviews", queue="waiting", **asked).ok()["results"]]

    assert found() == [first, second, action]
    rows = acme.rita.get("reviews", queue="waiting").ok()["results"]
    assert [row["session_name"] for row in rows] == ["huts of the quay", "huts of the quay", "launch"]
    assert found(kind="action") == found(reason="spend_above_threshold") == [action]
    assert found(search="hut 2") == [second]
    assert found(search="THE QUAY") == found(search="quay hut") == [first, second]
    assert found(search="%") == []
    acme.rita.get("reviews", kind="nonsense").refused(422, "invalid")
    for odd in ({"search": "x" * 201}, {"search": "a\x00"}, {"reason": "a\x00"}):
        acme.rita.get("reviews", **odd).refused(422, "invalid")


def test_cards_that_wait_for_their_judge_are_a_view_of_their_own(acme: Stage) -> None:
    claim = at_work(acme, judged=True)
    card = acme.ada.finish(claim, confidence=0.8).ok()["review"]
    assert [row["id"] for row in acme.rita.get("reviews", queue="judge").ok()["results"]] == [card]
    assert acme.rita.get("reviews", queue="waiting").ok()["results"] == []


def test_a_brief_list_leaves_out_what_is_heavy_and_nothing_else(acme: Stage) -> None:
    acme.ada.finish(at_work(acme), confidence=0.8).ok()
    (whole,) = acme.rita.get("reviews", queue="waiting").ok()["results"]
    assert (whole.pop("result")["output_payload"], whole.pop("memories")) == ({"answer": "42"}, [])
    for asked in ({"queue": "waiting"}, {"status": "pending"}):
        assert acme.rita.get("reviews", brief="true", **asked).ok()["results"] == [whole]
    assert "result" in acme.rita.get("reviews", brief="false").ok()["results"][0]
    acme.rita.get("reviews", brief="yes").refused(422, "invalid")


def test_a_card_is_new_to_a_person_until_it_is_said_to_be_seen(acme: Stage, zenith: Stage) -> None:
    (card,) = pile(acme, 1)
    for _ in range(2):
        assert acme.rita.post(f"reviews/{card}/seen").ok(204).body == b""
    assert acme.rita.get("reviews/counts").ok()["unseen"] == 0
    assert acme.boss.get("reviews/counts").ok()["unseen"] == 1
    acme.anna.post(f"reviews/{card}/seen").refused(403, "role")
    zenith.rita.post(f"reviews/{card}/seen").refused(404, "not_found")


def test_only_people_who_decide_take_cards_and_decide_several(acme: Stage) -> None:
    (card,) = pile(acme, 1)
    calls: dict[str, Any] = {
        "reviews/next": {},
        f"reviews/{card}/release": {},
        "reviews/batch": {"decision": "reject", "note": "x", "reviews": [{"id": card}]},
    }
    for path, body in calls.items():
        for who in (acme.anna, acme.ada, acme.pia, acme.jude):
            who.post(path, body).refused(403, "role")
    for who in (acme.otto, acme.fay):  # at the door they may; this card does not ask them
        assert take(who) is None
        assert batch(who, [card]) == {card: "role"}
        who.post(f"reviews/{card}/release").refused(409, "not_claimed")
    assert take(acme.rita) == card


def test_another_tenants_cards_are_not_there(acme: Stage, zenith: Stage) -> None:
    (card,) = pile(acme, 1)
    assert take(zenith.boss) is None
    assert batch(zenith.boss, [card]) == {card: "not_found"}
    zenith.boss.post(f"reviews/{card}/release").refused(404, "not_found")
