"""Notifications at the console: a target is made and tested, its secret is shown once, and what was sent is sent again."""

import re
from typing import Any

import pytest

from safety.actions import sending
from safety.models import Delivery, NotificationTarget
from tests.cast import Stage
from tests.console.desk import Desk, Page
from tests.console.places import NOUNS
from tests.safety.receiver import LOOPBACK, listening

TARGET, DELIVERY = NOUNS["target"], NOUNS["delivery"]
NEW = f"{TARGET.list}new/"
HOOK = "https://hooks.example.com/services/T0/verysecretpath"


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.NOTIFY_NETWORKS = LOOPBACK


def make(desk: Desk, **more: Any) -> Page:
    return desk.post(NEW, **{"name": "house", "kind": "webhook", "address": HOOK, "occasions": ["waits"]} | more)


def only(acme: Stage) -> NotificationTarget:
    with acme.bound():
        return NotificationTarget.objects.get()


def test_a_new_webhook_shows_its_secret_once_and_its_path_never(acme: Stage, boss: Desk) -> None:
    made = make(boss).ok()
    (secret,) = re.findall(r"whsec_[\w+/=]+", made.html)
    again = boss.get(TARGET.one(only(acme).pk)).ok()
    assert "https://hooks.example.com/…path" in again.text
    for shown in (again.html, boss.get(TARGET.list).ok().html):
        assert secret not in shown
        assert "verysecret" not in shown


def test_admins_alone_make_targets(acme: Stage, boss: Desk, otto: Desk) -> None:
    assert "New target" in boss.get(TARGET.list).text
    assert "New target" not in otto.get(TARGET.list).ok().text
    assert otto.get(NEW).status == make(otto).status == 403


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"address": "https://10.0.0.5/"}, "not public"),
        ({"address": "ftp://hooks.example.com/"}, "https://hooks.example.com/chimera"),
        ({"occasions": []}, "This field is required"),
        ({"kind": "email", "address": "desk"}, "one e-mail address"),
    ],
)
def test_what_cannot_be_is_said_at_the_form(
    acme: Stage, boss: Desk, settings: Any, said: dict[str, Any], why: str
) -> None:
    settings.EMAIL_HOST = "mail.acme.example"
    page = make(boss, **said)
    assert page.status == 422
    assert why in page.text


def test_a_test_is_sent_and_its_page_says_what_came_of_it(acme: Stage, boss: Desk, otto: Desk) -> None:
    with listening() as receiver:
        make(boss, address=receiver.url).ok()
        target = only(acme)
        assert "sent a test to house" in boss.post(TARGET.one(target.pk, "test")).ok().text
        sending.send_due()
        with acme.bound():
            delivery = Delivery.objects.get()
        page = otto.get(DELIVERY.one(delivery.pk)).ok()
        assert "taken" in page.text
        assert page.buttons == {"replay"}
        assert "has it sent again" in otto.post(DELIVERY.one(delivery.pk, "replay")).ok().text
        assert otto.get(DELIVERY.one(delivery.pk)).buttons == set()
        sending.send_due()
    assert len(receiver.calls) == 2
    assert "test" in boss.get(TARGET.one(target.pk)).ok().text


def test_a_change_without_an_address_leaves_it(acme: Stage, boss: Desk) -> None:
    make(boss).ok()
    path = TARGET.one(only(acme).pk, "change")
    boss.post(path, name="night", address="", occasions=["waits", "due"], roles=["finance"]).ok()
    changed = only(acme)
    assert (changed.name, changed.address, changed.occasions, changed.roles) == (
        "night",
        HOOK,
        ["waits", "due"],
        ["finance"],
    )
    boss.post(path, name="night", address="https://other.example.com/x", occasions=["waits"]).ok()
    assert only(acme).address == "https://other.example.com/x"


def test_a_new_secret_is_shown_and_a_removed_target_offers_nothing(acme: Stage, boss: Desk) -> None:
    make(boss).ok()
    target = only(acme)
    assert "whsec_" in boss.post(TARGET.one(target.pk, "rotate_secret"), overlap_hours="0").ok().html
    assert boss.get(TARGET.one(target.pk)).buttons == {"test", "change", "rotate_secret", "pause", "remove"}
    boss.post(TARGET.one(target.pk, "pause"), reason="night").ok()
    assert "resume" in boss.get(TARGET.one(target.pk)).buttons
    boss.post(TARGET.one(target.pk, "remove"), reason="moved").ok()
    assert boss.get(TARGET.one(target.pk)).buttons == set()


def test_what_failed_says_why_above_its_page(acme: Stage, boss: Desk, settings: Any) -> None:
    with listening() as receiver:
        make(boss, address=receiver.url).ok()
        boss.post(TARGET.one(only(acme).pk, "test")).ok()
        receiver.answers = [500]
        sending.send_due()
        with acme.bound():
            path = DELIVERY.one(Delivery.objects.get().pk)
        assert "It answered 500. It is tried again in" in boss.get(path).ok().text
        receiver.answers = [410]
        with acme.bound():
            Delivery.objects.update(next_attempt_at="2026-01-01T00:00:00Z")
        sending.send_due()
    assert "It is tried no more." in boss.get(path).ok().text
