"""Relay and worker are killed, and receivers are down and come up again: each hears of each card, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chimera.kernel.embedded import ports
from safety.models import Delivery, DeliveryAttempt
from tests.cast import Stage
from tests.processes.harness import House, until
from tests.safety import telling
from tests.safety.receiver import LOOPBACK, Mailbox, Receiver, listening, post_office

pytestmark = pytest.mark.slow

RELAY, WORKER = "relay", "procrastinate worker"
PATIENCE_SECONDS = 60


@pytest.fixture
def box() -> Mailbox:
    return Mailbox(ports.choose())


@pytest.fixture
def house(db: None, box: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[House]:
    monkeypatch.setenv("CHIMERA_NOTIFY_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("CHIMERA_NOTIFY_RETRY_BASE_SECONDS", "2")
    monkeypatch.setenv("CHIMERA_EMAIL_URL", f"smtp://127.0.0.1:{box.port}")
    settings.NOTIFY_NETWORKS, settings.EMAIL_HOST = LOOPBACK, "127.0.0.1"
    house = House(tmp_path, [])
    try:
        yield house
    finally:
        house.stop()


def tried(acme: Stage, least: int) -> bool:
    """Each delivery so often, and none is on its way."""
    with acme.bound():
        rows = [(row.attempts, row.tries.count()) for row in Delivery.objects.all()]
    return len(rows) == 2 and all(attempts == said >= least for attempts, said in rows)


def sent(acme: Stage, number: int) -> bool:
    with acme.bound():
        return Delivery.objects.filter(status="sent").count() == number


def test_each_hears_of_each_card_once_whoever_is_killed_or_away(acme: Stage, house: House, box: Mailbox) -> None:
    receiver = Receiver(ports.choose())
    secret = telling.target(acme, receiver.url)["secret"]
    telling.target(acme, "desk@acme.example", name="desk", kind="email")
    first = telling.card(acme)
    house.start(RELAY, WORKER)
    until(lambda: tried(acme, 1), PATIENCE_SECONDS)  # nobody is there
    house.kill(WORKER)
    house.kill(RELAY)
    telling.forget()
    house.start(RELAY)
    with listening(into=receiver), post_office(into=box):
        house.start(WORKER)
        until(lambda: sent(acme, 2), PATIENCE_SECONDS)
        house.kill(RELAY)
        second = telling.card(acme)
        telling.forget()
        house.start(RELAY)
        until(lambda: sent(acme, 4), PATIENCE_SECONDS)
    assert [receiver.verified(secret, n)["data"]["review"]["id"] for n in range(len(receiver.calls))] == [first, second]
    assert len(set(receiver.ids)) == 2
    assert len(box.mails) == len({mail["Message-ID"] for mail in box.mails}) == 2
    with acme.bound():
        assert DeliveryAttempt.objects.filter(taken=True).count() == 4
        assert DeliveryAttempt.objects.filter(taken=False).count() >= 2
