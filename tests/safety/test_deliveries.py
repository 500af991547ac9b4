"""From a card that waits to a receiver that has it: once for each reason, later where it was down, again where a person says so."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from chimera.flows import notify
from chimera.kernel import clock, tenancy
from chimera.kernel.eventlog import Event
from chimera.kernel.relay.tables import Lane
from safety.actions import deliveries, sending
from safety.models import Delivery, DeliveryAttempt, NotificationTarget
from tests.cast import Stage
from tests.safety import telling
from tests.safety.receiver import LOOPBACK, Receiver, listening, mail_by, post_office

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.NOTIFY_NETWORKS = LOOPBACK


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def later(by: timedelta = HOUR) -> Any:
    return clock.held(clock.now() + by)


def forget() -> None:
    """A relay that dies before it has written where it stands begins again."""
    with tenancy.system():
        Lane.objects.filter(name="notify").update(xid=0, seq=0)


def shown(acme: Stage, number: int = 0) -> Any:
    (*found,) = reversed(acme.otto.get("deliveries").ok()["results"])
    return acme.otto.get(f"deliveries/{found[number]['id']}").ok()


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
    row = shown(acme)
    assert (row["status"], row["attempts"], row["review"], row["occasion"]) == ("sent", 1, card, "waits")
    assert [(each["number"], each["taken"], each["status_code"]) for each in row["tries"]] == [(1, True, 204)]
    assert sending.send_due() == 0


def test_however_often_the_fact_is_read_it_is_told_once(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    for _ in range(3):
        telling.relay()
        forget()
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
        forget()
        sending.send_due()
    assert len(receiver.calls) == 3


def test_a_receiver_that_was_down_gets_it_later_and_once(acme: Stage) -> None:
    with listening() as receiver:
        telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    assert sending.send_due() == 1
    assert sending.send_due() == 0  # not before its pause is over
    row = shown(acme)
    assert (row["status"], row["attempts"]) == ("pending", 1)
    assert row["error"].startswith("No answer: ")
    with later(), listening(into=receiver):
        assert sending.send_due() == 1
        assert sending.send_due() == 0
    assert len(receiver.calls) == 1
    assert [each["taken"] for each in shown(acme)["tries"]] == [False, True]


def test_the_clock_asks_the_worker_again_once_the_pause_is_over(acme: Stage, receiver: Receiver) -> None:
    notify.wake_due()
    assert telling.jobs() == 0
    receiver.answers = [500]
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    assert telling.jobs() == 1
    sending.send_due()
    telling.done()
    notify.wake_due()
    assert telling.jobs() == 0
    with later():
        notify.wake_due()
        notify.wake_due()
        assert telling.jobs() == 1


def test_what_keeps_failing_is_given_up_told_and_sent_again_by_a_person(acme: Stage, receiver: Receiver) -> None:
    receiver.answers = [500]
    telling.target(acme, receiver.url)
    card = telling.card(acme)
    telling.relay()
    at = clock.now()
    while telling.deliveries(acme)[0].status == "pending":
        at += timedelta(minutes=1)
        with clock.held(max(at, telling.deliveries(acme)[0].next_attempt_at)):
            assert sending.send_due() == 1
    row = shown(acme)
    assert (row["status"], row["attempts"], row["error"]) == ("failed", deliveries.ATTEMPTS_MAX, "It answered 500.")
    with acme.bound():
        (told,) = Event.objects.filter(type="safety.notification.failed.v1")
    assert (told.payload["card"], told.payload["attempts"]) == (card, deliveries.ATTEMPTS_MAX)
    receiver.answers = [204]
    again = acme.otto.post(f"deliveries/{row['id']}/replay").ok(202)
    assert again["status"] == "pending"
    assert sending.send_due() == 1
    assert len(set(receiver.ids)) == 1
    assert shown(acme)["status"] == "sent"


def test_what_was_sent_may_be_sent_again_with_the_same_id(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    sending.send_due()
    path = f"deliveries/{shown(acme)['id']}/replay"
    acme.otto.post(path).ok(202)
    acme.otto.post(path).refused(409, "delivery_pending")
    sending.send_due()
    assert len(receiver.calls) == 2
    assert len(set(receiver.ids)) == 1


def test_a_card_that_is_decided_meanwhile_is_told_to_nobody(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    decided, withdrawn = telling.card(acme), telling.card(acme)
    telling.relay()
    acme.rita.post(f"reviews/{decided}/decision", {"decision": "approve"}).ok()
    sending.send_due()
    assert [receiver.said(n)["data"]["review"]["id"] for n in range(len(receiver.calls))] == [withdrawn]
    row = shown(acme)
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
    row = shown(acme)
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
    assert (shown(acme)["status"], receiver.calls) == ("dropped", [])


def test_a_slow_receiver_leaves_room_for_others(acme: Stage) -> None:
    """Of one target no more than half of a round is taken."""
    telling.target(acme, "https://slow.example.com/x", name="slow")
    session = acme.session()
    for _ in range(6):
        acme.task(session, execution_mode="manual")
    telling.relay()
    telling.target(acme, "https://quick.example.com/x", name="quick")
    acme.task(session, execution_mode="manual")
    telling.relay()
    with tenancy.system():
        taken = deliveries.take(sending.AT_ONCE_MAX)
    assert sorted(each.target.name for each in taken) == ["quick", *["slow"] * deliveries.OF_ONE_TARGET_MAX]


def test_while_its_secret_is_replaced_both_verify_and_later_the_new_one_alone(acme: Stage, receiver: Receiver) -> None:
    made = telling.target(acme, receiver.url)
    path = f"notification-targets/{made['id']}"
    new = acme.boss.post(f"{path}/secret", {"overlap_hours": 2}).ok()["secret"]
    acme.boss.post(f"{path}/test").ok(202)
    sending.send_due()
    for secret in (made["secret"], new):
        receiver.verified(secret)
    acme.boss.post(f"{path}/secret", {"overlap_hours": 0}).ok()
    acme.boss.post(f"{path}/test").ok(202)
    sending.send_due()
    with pytest.raises(WebhookVerificationError):
        receiver.verified(new)


def test_a_secret_under_another_secret_key_is_told_as_that(acme: Stage, receiver: Receiver, settings: Any) -> None:
    made = telling.target(acme, receiver.url)
    acme.boss.post(f"notification-targets/{made['id']}/test").ok(202)
    earlier, settings.SECRET_KEY = settings.SECRET_KEY, "another secret, as long as a secret has to be nowadays"
    sending.send_due()
    row = shown(acme)
    assert (row["status"], "rotate it" in row["error"], receiver.calls) == ("failed", True, [])
    settings.SECRET_KEY_FALLBACKS = [earlier]
    acme.otto.post(f"deliveries/{row['id']}/replay").ok(202)
    sending.send_due()
    receiver.verified(made["secret"])


def test_a_forbidden_address_is_given_up_at_once(acme: Stage, receiver: Receiver, settings: Any) -> None:
    made = telling.target(acme, receiver.url.replace("127.0.0.1", "localhost"))
    settings.NOTIFY_NETWORKS = []
    acme.boss.post(f"notification-targets/{made['id']}/test").ok(202)
    sending.send_due()
    row = shown(acme)
    assert (row["status"], row["attempts"], receiver.calls) == ("failed", 1, [])
    assert "not public" in row["error"]


def test_an_e_mail_says_why_and_where_and_is_the_same_mail_each_time(acme: Stage, settings: Any) -> None:
    with post_office() as box:
        mail_by(settings, box)
        telling.target(acme, "desk@acme.example", kind="email")
    telling.card(acme)
    telling.relay()
    sending.send_due()
    assert shown(acme)["error"].startswith("No answer from the mail server: ")
    with later(), post_office(into=box):
        sending.send_due()
        acme.otto.post(f"deliveries/{shown(acme)['id']}/replay").ok(202)
        sending.send_due()
    first, again = box.mails
    assert (first["To"], first["From"]) == ("desk@acme.example", "Chimera <chimera@acme.example>")
    assert first["Subject"] == "[Chimera] Acme: a task that waits for its start waits for a decision"
    assert "/admin/safety/delivery/link/" in first.get_content()
    assert first["Message-ID"] == again["Message-ID"]


def test_an_address_that_the_mail_server_refuses_for_good_is_given_up(acme: Stage, settings: Any) -> None:
    with post_office() as box:
        mail_by(settings, box)
        box.refuses = "550 no such person"
        made = telling.target(acme, "desk@acme.example", kind="email")
        acme.boss.post(f"notification-targets/{made['id']}/test").ok(202)
        sending.send_due()
    row = shown(acme)
    assert (row["status"], row["attempts"]) == ("failed", 1)
    assert "no such person" in row["error"]


def test_a_try_that_died_with_its_sender_is_made_again_with_the_same_id(acme: Stage, receiver: Receiver) -> None:
    """It had sent it, and could not say so: the receiver gets it twice, and knows it by its id."""
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    with tenancy.system():
        (taken,) = deliveries.take(8)
    assert sending.send(taken).taken
    assert sending.send_due() == 0  # it may be on its way still
    with later():
        assert sending.send_due() == 1
    assert len(receiver.calls) == 2
    assert len(set(receiver.ids)) == 1
    assert [each["number"] for each in shown(acme)["tries"]] == [2]


def test_what_ended_long_ago_is_forgotten(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    sending.send_due()
    with tenancy.system():
        assert deliveries.sweep() == 0
    with later(timedelta(days=91)), tenancy.system():
        assert deliveries.sweep() == 1
    with acme.bound():
        assert (Delivery.objects.count(), DeliveryAttempt.objects.count()) == (0, 0)


@pytest.mark.parametrize(("tries", "least", "most"), [(1, 5, 10), (2, 15, 30), (4, 135, 270), (10, 7200, 14400)])
def test_pauses_grow_and_differ(tries: int, least: float, most: float) -> None:
    found = {deliveries.pause_seconds(tries) for _ in range(50)}
    assert least <= min(found) < max(found) <= most
    assert deliveries.pause_seconds(1, asked=3600) == 3600
