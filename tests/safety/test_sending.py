"""Sending: later where the receiver was down, given up where it stays so, again where a person says so; the same message each time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from chimera.flows import notify
from chimera.kernel import clock, tenancy
from chimera.kernel.eventlog import Event
from safety.actions import deliveries, sending
from safety.models import Delivery, DeliveryAttempt, TargetKind
from tests.cast import Stage
from tests.safety import telling
from tests.safety.receiver import LOOPBACK, Receiver, listening, mail_by, post_office


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.NOTIFY_NETWORKS = LOOPBACK


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def test_a_receiver_that_was_down_gets_it_later_and_once(acme: Stage) -> None:
    with listening() as receiver:
        telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    assert sending.send_due() == 1
    assert sending.send_due() == 0  # not before its pause is over
    row = telling.shown(acme)
    assert (row["status"], row["attempts"]) == ("pending", 1)
    assert row["error"].startswith("No answer: ")
    with telling.later(), listening(into=receiver):
        assert sending.send_due() == 1
        assert sending.send_due() == 0
    assert len(receiver.calls) == 1
    assert [each["taken"] for each in telling.shown(acme)["tries"]] == [False, True]


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
    with telling.later():
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
    row = telling.shown(acme)
    assert (row["status"], row["attempts"], row["error"]) == ("failed", deliveries.ATTEMPTS_MAX, "It answered 500.")
    with acme.bound():
        (told,) = Event.objects.filter(type="safety.notification.failed.v1")
    assert (told.payload["card"], told.payload["attempts"]) == (card, deliveries.ATTEMPTS_MAX)
    receiver.answers = [204]
    again = acme.otto.post(f"deliveries/{row['id']}/replay").ok(202)
    assert again["status"] == "pending"
    assert sending.send_due() == 1
    assert len(set(receiver.ids)) == 1
    assert telling.shown(acme)["status"] == "sent"


def test_what_was_sent_may_be_sent_again_with_the_same_id(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    sending.send_due()
    path = f"deliveries/{telling.shown(acme)['id']}/replay"
    acme.otto.post(path).ok(202)
    acme.otto.post(path).refused(409, "delivery_pending")
    sending.send_due()
    assert len(receiver.calls) == 2
    assert len(set(receiver.ids)) == 1


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


@pytest.mark.parametrize(("status", "tried"), [(503, deliveries.OF_ONE_TARGET_MAX), (400, 6)])
def test_a_receiver_that_is_down_is_not_asked_once_more_for_each_message(
    acme: Stage, receiver: Receiver, status: int, tried: int
) -> None:
    """It is tried with what was taken already; the others wait, and lose no try. A message that it does not like is another thing."""
    receiver.answers = [status]
    telling.target(acme, receiver.url)
    session = acme.session()
    for _ in range(6):
        acme.task(session, execution_mode="manual")
    telling.relay()
    sending.send_due()
    assert len(receiver.calls) == tried
    assert sum(row.attempts for row in telling.deliveries(acme)) == tried
    receiver.answers = [204]
    with telling.later():
        sending.send_due()
    assert {row.status for row in telling.deliveries(acme)} == {"sent"}


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
    row = telling.shown(acme)
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
    row = telling.shown(acme)
    assert (row["status"], row["attempts"], receiver.calls) == ("failed", 1, [])
    assert "not public" in row["error"]


def test_an_e_mail_says_why_and_where_and_is_the_same_mail_each_time(acme: Stage, settings: Any) -> None:
    with post_office() as box:
        mail_by(settings, box)
        telling.target(acme, "desk@acme.example", kind="email")
    telling.card(acme)
    telling.relay()
    sending.send_due()
    assert telling.shown(acme)["error"].startswith("No answer from the mail server: ")
    with telling.later(), post_office(into=box):
        sending.send_due()
        acme.otto.post(f"deliveries/{telling.shown(acme)['id']}/replay").ok(202)
        sending.send_due()
    first, again = box.mails
    assert (first["To"], first["From"]) == ("desk@acme.example", "Chimera <chimera@acme.example>")
    assert first["Subject"] == "[Chimera] Acme: waits for a decision: task that waits for its start"
    assert "/admin/safety/delivery/link/" in first.get_content()
    assert first["Message-ID"] == again["Message-ID"]


def test_an_address_that_the_mail_server_refuses_for_good_is_given_up(acme: Stage, settings: Any) -> None:
    with post_office() as box:
        mail_by(settings, box)
        box.refuses = "550 no such person"
        made = telling.target(acme, "desk@acme.example", kind="email")
        acme.boss.post(f"notification-targets/{made['id']}/test").ok(202)
        sending.send_due()
    row = telling.shown(acme)
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
    with telling.later():
        assert sending.send_due() == 1
    assert len(receiver.calls) == 2
    assert len(set(receiver.ids)) == 1
    assert [each["number"] for each in telling.shown(acme)["tries"]] == [2]


def test_a_mail_server_may_be_slow_in_each_step_and_gets_it_once(acme: Stage, settings: Any) -> None:
    """Connecting, greeting, TLS, greeting, login, sender, receiver, data and farewell, some of them in two steps."""
    settings.EMAIL_HOST = "127.0.0.1"
    made = telling.target(acme, "desk@acme.example", kind="email")
    acme.boss.post(f"notification-targets/{made['id']}/test").ok(202)
    with tenancy.system():
        assert len(deliveries.take(8)) == 1
    with telling.later(timedelta(seconds=12 * settings.EMAIL_TIMEOUT)), tenancy.system():
        assert deliveries.take(8) == []
    with telling.later(deliveries.ON_ITS_WAY[TargetKind.EMAIL]), tenancy.system():
        assert len(deliveries.take(8)) == 1


def test_what_no_text_may_have_is_not_kept_of_an_answer(acme: Stage, settings: Any) -> None:
    with post_office() as box:
        mail_by(settings, box)
        box.refuses = "550 no\x00 such\x1b[1m person"
        made = telling.target(acme, "desk@acme.example", kind="email")
        acme.boss.post(f"notification-targets/{made['id']}/test").ok(202)
        sending.send_due()
    assert telling.shown(acme)["error"] == "The server refused the address: no such [1m person"


def test_what_every_sender_dies_of_is_given_up_too(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    at = clock.now()
    for number in range(deliveries.ATTEMPTS_MAX):
        with clock.held(at + number * timedelta(minutes=2)), tenancy.system():
            assert len(deliveries.take(8)) == 1
    with telling.later(timedelta(hours=1)):
        assert sending.send_due() == 1
    row = telling.shown(acme)
    assert (row["status"], "its sender died" in row["error"], receiver.calls) == ("failed", True, [])


def test_what_ended_long_ago_is_forgotten(acme: Stage, receiver: Receiver) -> None:
    telling.target(acme, receiver.url)
    telling.card(acme)
    telling.relay()
    sending.send_due()
    with tenancy.system():
        assert deliveries.sweep() == 0
    with telling.later(timedelta(days=91)), tenancy.system():
        assert deliveries.sweep() == 1
    with acme.bound():
        assert (Delivery.objects.count(), DeliveryAttempt.objects.count()) == (0, 0)


@pytest.mark.parametrize(("tries", "least", "most"), [(1, 5, 10), (2, 15, 30), (4, 135, 270), (10, 7200, 14400)])
def test_pauses_grow_and_differ(tries: int, least: float, most: float) -> None:
    found = {deliveries.pause_seconds(tries) for _ in range(50)}
    assert least <= min(found) < max(found) <= most
    assert deliveries.pause_seconds(1, asked=3600) == 3600
