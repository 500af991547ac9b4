"""Who hears of which card: each target once for each occasion, and nobody of what is decided by then."""

from collections.abc import Iterator
from typing import Any

import pytest

from chimera.flows.expire_cards import expire_cards
from chimera.flows.remind_cards import remind_cards
from chimera.kernel import clock
from safety.actions import deliveries, sending
from safety.models import NotificationTarget, ReviewCard
from tests.cast import Stage
from tests.safety import telling
from tests.safety.receiver import LOOPBACK, Receiver, listening
from tests.safety.test_due_times import DUE, at, policy, rule, waiting_card


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.NOTIFY_NETWORKS = LOOPBACK


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def test_a_card_that_waits_is_told_with_a_signature_and_a_link(acme: Stage, receiver: Receiver) -> None:
    target = telling.target(acme, receiver.url)
    card = telling.card(acme)
    telling.relay()
    assert telling.jobs() == 1
    assert sending.send_due() == 1
    said = receiver.verified(target["secret"])
    assert said["type"] == "review.waits"
    assert said["data"]["tenant"] == {"id": str(acme.tenant_id), "name": "Acme"}
    review = said["data"]["review"]
    assert (review["id"], review["kind"]) == (card, "manual")
    assert [reason["code"] for reason in review["reasons"]] == ["manual"]
    assert said["data"]["link"].startswith("http://127.0.0.1:8000/admin/safety/delivery/link/")
    row = telling.shown(acme)
    assert (row["status"], row["attempts"], row["review"], row["occasion"]) == ("sent", 1, card, "waits")
    assert [(each["number"], each["taken"], each["status_code"]) for each in row["tries"]] == [(1, True, 204)]
    assert sending.send_due() == 0


def test_however_often_the_fact_is_read_it_is_told_once(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    for _ in range(3):
        telling.relay()
        telling.forget()
        sending.send_due()
    telling.relay()
    assert (len(receiver.calls), len(telling.deliveries(acme))) == (1, 1)


def test_control_without_the_rule_it_would_be_told_each_time(
    acme: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    put, steps = deliveries.put, iter("abc")
    monkeypatch.setattr(deliveries, "put", lambda **more: put(**more | {"step": next(steps)}))
    for _ in range(3):
        telling.relay()
        telling.forget()
        sending.send_due()
    assert len(receiver.calls) == 3


def test_a_card_that_is_decided_meanwhile_is_told_to_nobody(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    decided, withdrawn = telling.card(acme), telling.card(acme)
    telling.relay()
    acme.rita.post(f"reviews/{decided}/decision", {"decision": "approve"}).ok()
    sending.send_due()
    assert [receiver.said(n)["data"]["review"]["id"] for n in range(len(receiver.calls))] == [withdrawn]
    row = telling.shown(acme)
    assert (row["status"], row["attempts"], row["error"]) == ("dropped", 0, "Its card is decided.")
    acme.otto.post(f"deliveries/{row['id']}/replay").refused(409, "card_decided")


def test_a_card_that_was_decided_before_the_relay_came_is_told_to_nobody(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    card = telling.card(acme)
    acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}).ok()
    telling.relay()
    assert telling.deliveries(acme) == []


def test_who_wants_other_cards_or_other_moments_hears_nothing(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url, name="money", roles=["finance"])
    telling.target(acme, receiver.url, name="late", occasions=["due", "escalated"])
    telling.target(acme, receiver.url, name="people", roles=["reviewer"], occasions=["waits"])
    telling.card(acme)
    telling.relay()
    assert [each["target_name"] for each in acme.otto.get("deliveries").ok()["results"]] == ["people"]


def test_reminders_and_the_escalation_are_told_once_each_to_those_whom_they_concern(
    acme: Stage, receiver: Receiver
) -> None:
    policy(acme, rule(DUE))
    telling.target(acme, receiver.url, name="reviewers", roles=["reviewer"])
    telling.target(acme, receiver.url, name="operators", roles=["operator"], occasions=["escalated"])
    _, card = waiting_card(acme)
    for minutes_left in (30, 29, 20, 10):
        with at(card, minutes_left):
            remind_cards()
            for _ in range(2):
                telling.relay()
                telling.forget()
    rows = acme.otto.get("deliveries").ok()["results"][::-1]
    assert [(row["target_name"], row["occasion"]) for row in rows] == [
        ("reviewers", "waits"),
        ("reviewers", "due"),
        ("operators", "escalated"),
        ("reviewers", "due"),
    ]
    with at(card, 5):
        assert sending.send_due() == 4
    assert {receiver.said(number)["type"] for number in range(4)} == {"review.waits", "review.due", "review.escalated"}


def test_what_waits_to_be_sent_when_its_card_expires_is_dropped(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    with acme.bound():
        due_at = ReviewCard.objects.get().due_at
    with clock.held(due_at):
        assert expire_cards() == 1
        assert sending.send_due() == 0
    assert (telling.shown(acme)["status"], receiver.calls) == ("dropped", [])


def test_another_tenants_targets_hear_nothing(acme: Stage, zenith: Stage, receiver: Receiver) -> None:
    telling.target(zenith, receiver.url)
    telling.card(acme)
    telling.relay()
    assert (telling.jobs(), telling.deliveries(zenith)) == (0, [])


def test_a_paused_target_gets_what_came_meanwhile_once_it_goes_on(acme: Stage, receiver: Receiver) -> None:
    path = f"notification-targets/{telling.target(acme, receiver.url)['id']}/status"
    acme.boss.post(path, {"status": "paused", "reason": "night"}).ok()
    telling.card(acme)
    telling.relay()
    assert sending.send_due() == 0
    acme.boss.post(path, {"status": "active", "reason": "morning"}).ok()
    assert sending.send_due() == 1
    assert len(receiver.calls) == 1


def test_a_removed_target_gets_nothing_any_more(acme: Stage, receiver: Receiver) -> None:
    made = telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    acme.boss.post(f"notification-targets/{made['id']}/status", {"status": "removed", "reason": "moved"}).ok()
    assert sending.send_due() == 0
    row = telling.shown(acme)
    assert (row["status"], row["error"]) == ("dropped", "Its target was removed.")
    telling.card(acme)
    telling.relay()
    assert len(telling.deliveries(acme)) == 1


def test_what_was_put_while_its_target_was_removed_is_dropped(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    with acme.bound():
        NotificationTarget.objects.update(status="removed")
    assert sending.send_due() == 0
    assert (telling.shown(acme)["status"], receiver.calls) == ("dropped", [])
