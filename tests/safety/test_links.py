"""The link of a message leads to its card: for somebody who has logged in, within a day, once; a replay brings another."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import signing
from django.test import Client

from chimera.kernel import tenancy
from chimera.kernel.identity import Role
from safety.actions import links, sending
from swarm.models import Membership
from tests.cast import Stage
from tests.console.desk import Desk
from tests.safety import telling
from tests.safety.receiver import LOOPBACK, listening


@pytest.fixture
def told(acme: Stage, settings: Any) -> Iterator[Any]:
    settings.NOTIFY_NETWORKS = LOOPBACK
    with listening() as receiver:
        telling.target(acme, receiver.url)
        card = telling.card(acme)
        telling.relay()
        sending.send_due()
        yield lambda: (receiver.said()["data"]["link"].removeprefix("http://127.0.0.1:8000"), card)


def test_it_asks_for_a_login_and_then_leads_to_the_card_once(acme: Stage, told: Any) -> None:
    link, card = told()
    for _ in range(2):  # mail servers look at links; that uses nothing up
        answer = Client().get(link)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")
    rita = Desk(acme.rita)
    assert rita.get(link).headers["Location"] == f"/admin/safety/reviewcard/{card}/"
    again = rita.get(link)
    assert (again.status, "works once" in again.text) == (410, True)
    (row,) = telling.deliveries(acme)
    assert row.link_used_by == acme.rita.name
    assert acme.rita.get(f"reviews/{card}").ok()["status"] == "pending"


def test_only_who_may_decide_the_card_uses_it_up(acme: Stage, told: Any) -> None:
    """The auditor decides none, and is kept out; finance decides others, and may look at this one, which asks reviewers."""
    link, card = told()
    assert Desk(acme.anna).get(link).status == 403
    for who in (acme.fay, acme.fay, acme.rita):
        assert Desk(who).get(link).headers["Location"] == f"/admin/safety/reviewcard/{card}/"
    (row,) = telling.deliveries(acme)
    assert row.link_used_by == acme.rita.name
    assert Desk(acme.fay).get(link).status == 410


def test_it_ends_after_a_day(acme: Stage, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    link, _ = told()
    monkeypatch.setattr(links, "LINK_LIFE_SECONDS", -1)
    page = Desk(acme.rita).get(link)
    assert (page.status, "expired" in page.text) == (410, True)


def test_a_replay_brings_a_link_of_its_own(acme: Stage, told: Any) -> None:
    first, card = told()
    rita = Desk(acme.rita)
    rita.get(first)
    (row,) = telling.deliveries(acme)
    acme.otto.post(f"deliveries/{row.pk}/replay").ok(202)
    sending.send_due()
    second, _ = told()
    assert rita.get(first).status == 410
    assert rita.get(second).headers["Location"] == f"/admin/safety/reviewcard/{card}/"


def test_a_link_that_was_made_up_or_changed_is_none(acme: Stage, told: Any) -> None:
    link, _ = told()
    rita = Desk(acme.rita)
    token = link.rstrip("/").rpartition("/")[2]
    payload, rest = token.split(":", 1)
    forged = signing.dumps([acme.tenant_id.hex, "0" * 32, 1], key="somebody else's", salt=links.SALT)
    for wrong in (f"x{payload}:{rest}", f"{token}x", forged, "x", "%00"):
        assert rita.get(f"/admin/safety/delivery/link/{wrong}/").status == 404, wrong
    assert rita.get(link).status == 302


def test_a_stranger_finds_nothing_and_who_works_for_both_is_taken_there(acme: Stage, zenith: Stage, told: Any) -> None:
    link, card = told()
    stranger = Desk(zenith.rita)
    assert stranger.get(link).status == 404
    with tenancy.bound(acme.tenant_id):
        Membership.objects.create(user_id=int(zenith.rita.id), roles=[Role.REVIEWER])
    both = Desk(zenith.rita)
    both.post("/admin/tenant/", tenant=str(zenith.tenant_id))
    page = both.client.get(link, follow=True)
    assert [address for address, _ in page.redirect_chain] == [link, f"/admin/safety/reviewcard/{card}/"]
    assert page.status_code == 200
