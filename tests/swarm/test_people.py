"""The people of a tenant: added with a link, given and denied roles, switched off and on; the last admin stays."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from chimera.kernel.eventlog import Event
from chimera.kernel.identity import Role
from swarm.actions import people, tenants
from swarm.models import Membership
from tests.cast import Caller, Stage
from tests.console.desk import Desk, Page
from tests.console.places import NOUNS

PLACE = NOUNS["member"]
PASSWORD = "harbour-baths-1911"


def member(stage: Stage, who: Caller) -> Membership:
    with stage.bound():
        found: Membership = Membership.objects.select_related("user").get(user_id=who.id)
    return found


def walk(desk: Desk, row: Membership, verb: str, **said: object) -> Page:
    return desk.post(PLACE.one(row.pk, verb), reason="the tide turned", **said)


def told(stage: Stage, row: Membership) -> list[str]:
    with stage.bound():
        found = Event.objects.filter(aggregate_id=row.pk).order_by("seq").values_list("type", flat=True)
        return [each.split(".")[2] for each in found]


@pytest.fixture
def boss(acme: Stage) -> Desk:
    return Desk(acme.boss)


def test_a_new_person_sets_a_password_by_a_link_that_works_once(boss: Desk, acme: Stage) -> None:
    page = boss.post(
        "/admin/swarm/membership/new/", username="nina", email="nina@acme.example", roles=["operator", "finance"]
    )
    (link,) = re.findall(r"https?://[^<\s]+/admin(/welcome/[^<\s]+)", page.ok().html)
    stranger = Client()
    form = stranger.get(f"/admin{link}", follow=True)
    assert "Choose a password" in form.content.decode()
    said = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert "Your password is set" in stranger.post(form.request["PATH_INFO"], said, follow=True).content.decode()
    assert "used already" in Client().get(f"/admin{link}", follow=True).content.decode()
    assert stranger.post("/admin/login/", {"username": "nina", "password": PASSWORD}).status_code == 302
    assert stranger.get("/admin/swarm/task/").status_code == 200
    assert stranger.get("/admin/swarm/membership/").status_code == 403
    with acme.bound():
        nina = Membership.objects.get(user__username="nina")
    assert nina.roles == ["finance", "operator"]
    assert told(acme, nina) == ["added", "password_set", "logged_in"]


def test_who_has_an_account_is_added_without_a_link_and_once(boss: Desk, acme: Stage, zenith: Stage) -> None:
    page = boss.post("/admin/swarm/membership/new/", username="rita@zenith", roles=["auditor"]).ok()
    assert "have an account already" in page.text
    assert "/welcome/" not in page.html
    assert boss.post("/admin/swarm/membership/new/", username="rita@zenith", roles=["auditor"]).status == 409


@pytest.mark.parametrize(("username", "roles"), [("nina or so", ["auditor"]), ("nina", []), ("nina", ["worker"])])
def test_a_name_or_roles_that_cannot_be_are_refused(boss: Desk, username: str, roles: list[str]) -> None:
    assert boss.post("/admin/swarm/membership/new/", username=username, roles=roles).status == 422
    assert not get_user_model().objects.filter(username=username).exists()


def test_roles_are_given_and_taken_with_the_next_click(boss: Desk, acme: Stage) -> None:
    otto, rita = Desk(acme.otto), member(acme, acme.rita)
    assert otto.get(PLACE.list).status == 403
    walk(boss, member(acme, acme.otto), "roles", roles=["auditor"]).ok()
    assert otto.get(PLACE.list).ok()
    acme.otto.post("sessions", {"name": "late"}).refused(403, "role")
    assert walk(boss, rita, "roles", roles=["reviewer"]).text.count("exactly these roles already") == 1
    assert "roles from ['operator'] to ['auditor']" in boss.get(PLACE.one(member(acme, acme.otto).pk)).text


def test_nobody_raises_their_own_roles_or_switches_themselves_off(boss: Desk, acme: Stage) -> None:
    me = member(acme, acme.boss)
    assert "Nobody gives roles to themselves" in walk(boss, me, "roles", roles=["admin", "finance"]).text
    assert "Nobody switches themselves off" in walk(boss, me, "disable").text
    with acme.bound():
        tenants.add_member(user=get_user_model().objects.get(pk=acme.rita.id), roles={Role.ADMIN, Role.REVIEWER})
    rita = Desk(acme.rita)
    walk(rita, member(acme, acme.rita), "roles", roles=["reviewer"])  # less is nobody's harm
    assert member(acme, acme.rita).roles == ["reviewer"]


def test_the_last_admin_stays_one(boss: Desk, acme: Stage) -> None:
    me = member(acme, acme.boss)
    assert "This is the last admin" in walk(boss, me, "roles", roles=["auditor"]).text
    user = get_user_model().objects.get(pk=acme.rita.id)
    with acme.bound():
        tenants.add_member(user=user, roles={Role.ADMIN})
    get_user_model().objects.filter(pk=user.pk).update(is_active=False)
    assert "This is the last admin" in walk(boss, me, "roles", roles=["auditor"]).text  # one who cannot log in is none
    get_user_model().objects.filter(pk=user.pk).update(is_active=True)
    rita = Desk(acme.rita)
    walk(rita, me, "disable").ok()
    assert "This is the last admin" in walk(rita, member(acme, acme.rita), "roles", roles=["auditor"]).text
    assert told(acme, me) == ["disabled"]


def test_who_is_switched_off_has_neither_session_nor_token_until_switched_on(boss: Desk, acme: Stage) -> None:
    otto, row = Desk(acme.otto), member(acme, acme.otto)
    walk(boss, row, "disable").ok()
    assert "You are a member of no tenant" in otto.get("/admin/").text
    acme.otto.get("tasks").refused(401, "unauthenticated")
    walk(boss, row, "enable").ok()
    acme.otto.get("tasks").ok()
    assert otto.get("/admin/").headers["Location"].startswith("/admin/login/")  # that session stays ended
    assert Desk(acme.otto).get("/admin/").ok()
    assert told(acme, row) == ["disabled", "enabled"]


def test_sessions_end_for_this_tenant_alone(boss: Desk, acme: Stage, zenith: Stage) -> None:
    with zenith.bound():
        tenants.add_member(user=get_user_model().objects.get(pk=acme.otto.id), roles={Role.OPERATOR})
    otto = Desk(acme.otto)
    assert "Acme" in otto.get("/admin/").text
    walk(boss, member(acme, acme.otto), "end_sessions", revoke_tokens="on").ok()
    assert "Acme" not in otto.get("/admin/").ok().text
    acme.otto.get("tasks").refused(401, "unauthenticated")
    assert "Acme" in Desk(acme.otto).get("/admin/").ok().text


def test_a_password_is_not_one_tenants_to_give(boss: Desk, acme: Stage, zenith: Stage) -> None:
    page = walk(boss, member(acme, acme.otto), "invite").ok()
    assert "/admin/welcome/" in page.text
    with zenith.bound():
        tenants.add_member(user=get_user_model().objects.get(pk=acme.otto.id), roles={Role.OPERATOR})
    assert "not its admins' to give" in walk(boss, member(acme, acme.otto), "invite").text
    get_user_model().objects.filter(pk=acme.rita.id).update(is_superuser=True)
    assert "not its admins' to give" in walk(boss, member(acme, acme.rita), "invite").text


def test_a_link_is_void_once_its_person_belongs_elsewhere_too(boss: Desk, acme: Stage, zenith: Stage) -> None:
    """Else an admin keeps one for somebody whom another tenant is about to take in, and then has that, too."""
    page = walk(boss, member(acme, acme.otto), "invite").ok()
    (link,) = re.findall(r"https?://[^<\s]+/admin(/welcome/[^<\s]+)", page.html)
    early = Client()
    form = early.get(f"/admin{link}", follow=True)
    assert "Choose a password" in form.content.decode()
    with zenith.bound():
        added, _ = people.add(username="otto@acme", email="", roles={Role.REVIEWER}, by=zenith.boss.actor)
    said = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    early.post(form.request["PATH_INFO"], said)
    assert "used already" in Client().get(f"/admin{link}", follow=True).content.decode()
    with zenith.bound():
        people.disable(member_id=added.pk, reason="x", by=zenith.boss.actor)
    assert "used already" in Client().get(f"/admin{link}", follow=True).content.decode()
    assert not get_user_model().objects.get(pk=acme.otto.id).check_password(PASSWORD)


def test_who_was_switched_off_somewhere_still_belongs_there(boss: Desk, acme: Stage, zenith: Stage) -> None:
    """Else an admin adds somebody's account, switches it off, and sets its password: and has all its tenants."""
    boss.post("/admin/swarm/membership/new/", username="otto@zenith", roles=["auditor"]).ok()
    added = member(acme, zenith.otto)
    walk(boss, added, "disable").ok()
    zeniths, theirs = Desk(zenith.boss), member(zenith, zenith.otto)
    with acme.bound():
        people.enable(member_id=added.pk, reason="x", by=acme.boss.actor)
    walk(zeniths, theirs, "disable").ok()
    for desk, row in ((boss, added), (zeniths, theirs)):
        for verb in ("invite", "reset_second_factor"):
            assert "not its admins' to give" in walk(desk, row, verb).text
    walk(boss, added, "disable").ok()
    assert "not its admins' to give" in walk(boss, added, "invite").text


def test_a_verb_finds_no_member_of_another_tenant(acme: Stage, zenith: Stage) -> None:
    stranger = member(zenith, zenith.otto)
    with acme.bound(), pytest.raises(Exception, match="No such member"):
        people.disable(member_id=stranger.pk, reason="x", by=acme.boss.actor)
