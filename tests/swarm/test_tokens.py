"""Personal tokens: whoever has a role makes their own, sees its secret once, and revokes it; nobody else's are seen or touched."""

import re
from datetime import timedelta

import pytest

from chimera.kernel import clock
from chimera.kernel.errors import Refused
from chimera.kernel.eventlog import Event
from swarm.actions import tokens
from swarm.models import Membership, PersonalToken
from tests.cast import Caller, Stage
from tests.console.desk import Desk, Page

LIST = "/admin/swarm/personaltoken/"


def secret_on(page: Page) -> str:
    (found,) = set(re.findall(r"chp_[\w-]{40,}", page.ok().html))
    return str(found)


def bot_of(stage: Stage, who: Caller) -> PersonalToken:
    with stage.bound():
        found: PersonalToken = PersonalToken.objects.get(user_id=who.id, name="chat bot")
    return found


def test_a_reviewer_makes_one_for_a_bot_and_revokes_it(acme: Stage) -> None:
    rita = Desk(acme.rita)
    assert f'href="{LIST}"' in rita.get("/admin/").ok().html
    assert "New token" in rita.get(LIST).ok().text
    bot = Caller(secret_on(rita.post(f"{LIST}new/", name="chat bot", days="30")))
    bot.get("reviews").ok()
    bot.post("sessions", {"name": "x"}).refused(403, "role")  # it may what she may
    row = bot_of(acme, acme.rita)
    for path in (LIST, f"{LIST}{row.pk}/"):
        assert bot.secret not in rita.get(path).ok().html  # shown once
    assert "revoked the token chat bot" in rita.post(f"{LIST}{row.pk}/revoke/").text
    bot.get("reviews").refused(401, "unauthenticated")
    assert "revoked already" in rita.post(f"{LIST}{row.pk}/revoke/").text
    with acme.bound():
        member = Membership.objects.get(user_id=acme.rita.id)
        told = Event.objects.filter(aggregate_id=member.pk).order_by("seq")
        assert [event.type for event in told] == ["swarm.member.token_made.v1", "swarm.member.token_revoked.v1"]
        assert bot.secret not in str([event.payload for event in told])


def test_one_that_may_only_read_decides_nothing(acme: Stage) -> None:
    bot = Caller(secret_on(Desk(acme.otto).post(f"{LIST}new/", name="chat bot", days="1", read_only="on")))
    bot.get("tasks").ok()
    bot.post("sessions", {"name": "x"}).refused(403, "scope")
    with clock.held(clock.now() + timedelta(days=1, seconds=1)):
        assert "ended" in Desk(acme.otto).get(f"{LIST}{bot_of(acme, acme.otto).pk}/").ok().text


def test_somebody_elses_do_not_exist_for_admins_either(acme: Stage) -> None:
    rita, boss = Desk(acme.rita), Desk(acme.boss)
    rita.post(f"{LIST}new/", name="chat bot", days="30").ok()
    row = bot_of(acme, acme.rita)
    assert "chat bot" not in boss.get(LIST).ok().text
    assert boss.get(f"{LIST}{row.pk}/").status == boss.post(f"{LIST}{row.pk}/revoke/").status == 404
    with acme.bound(), pytest.raises(Refused, match="No such token"):
        tokens.revoke(token_id=row.pk, by=acme.boss.actor)
    with acme.bound():
        assert PersonalToken.objects.get(pk=row.pk).revoked_at is None


@pytest.mark.parametrize(("name", "days"), [("", "30"), ("chat bot", "0"), ("chat bot", "366"), ("chat bot", "soon")])
def test_what_cannot_be_a_token_is_refused(acme: Stage, name: str, days: str) -> None:
    page = Desk(acme.rita).post(f"{LIST}new/", name=name, days=days)
    assert (page.status, "chp_" in page.html) == (422, False)


def test_nobody_has_hundreds_and_who_has_no_role_has_none(acme: Stage) -> None:
    rita = Desk(acme.rita)
    with acme.bound():
        for number in range(tokens.TOKENS_MAX - 1):
            tokens.make(name=str(number), days=1, by=acme.rita.actor)
    page = rita.post(f"{LIST}new/", name="one more", days="1")
    assert (page.status, "revoke one" in page.text) == (409, True)
    with acme.bound():
        Membership.objects.filter(user_id=acme.rita.id).update(roles=[])
    assert rita.get(LIST).status == rita.get(f"{LIST}new/").status == 403
