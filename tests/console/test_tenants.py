"""Tenants: the pages without one, and people with several."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from chimera.kernel import tenancy
from chimera.kernel.identity import Role
from swarm.actions import tenants
from tests.cast import Caller, Stage
from tests.console.desk import Desk

PASSWORD = "harbour-baths-1911"


@pytest.fixture
def nina(db: None) -> Desk:
    """Somebody with an account and no membership."""
    user = get_user_model().objects.create_user("nina", password=PASSWORD)
    return Desk(Caller("", id=str(user.pk), name="nina"))


def _join(desk: Desk, stage: Stage, *roles: Role) -> None:
    with tenancy.bound(stage.tenant_id):
        tenants.add_member(user=get_user_model().objects.get(pk=desk.who.id), roles=set(roles))


def test_logging_in_and_out_needs_no_tenant(nina: Desk) -> None:
    client = Client()
    assert "Log in" in client.get("/admin/login/").content.decode()
    answer = client.post("/admin/login/?next=/admin/", {"username": "nina", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


def test_a_wrong_password_is_refused(nina: Desk) -> None:
    answer = Client().post("/admin/login/", {"username": "nina", "password": "wrong"})
    assert "Please enter a correct username and password" in answer.content.decode()


def test_a_person_without_membership_is_told_what_to_do(nina: Desk) -> None:
    for path in ("/admin/", "/admin/swarm/task/", "/admin/tenant/"):
        page = nina.get(path)
        assert page.status == 403
        assert "You are a member of no tenant" in page.text
        assert "Ask an admin of one to add you" in page.text


def test_a_password_is_changed_without_a_tenant(nina: Desk) -> None:
    fresh = "a-fresh-tide-table"
    page = nina.post("/admin/password_change/", old_password=PASSWORD, new_password1=fresh, new_password2=fresh).ok()
    assert "Your password was changed" in page.text
    assert get_user_model().objects.get(username="nina").check_password(fresh)


def test_a_password_is_changed_with_a_tenant_too(nina: Desk, acme: Stage) -> None:
    _join(nina, acme, Role.REVIEWER)
    fresh = "a-fresh-tide-table"
    nina.post("/admin/password_change/", old_password=PASSWORD, new_password1=fresh, new_password2=fresh).ok()
    assert get_user_model().objects.get(username="nina").check_password(fresh)


def test_whom_another_tenant_adds_goes_on_working_for_their_own(nina: Desk, acme: Stage, zenith: Stage) -> None:
    _join(nina, zenith, Role.OPERATOR)
    _join(nina, acme, Role.OPERATOR)  # which comes first by its name
    zenith.session(name="The desert")
    assert "The desert" in nina.get("/admin/swarm/swarmsession/").text


def test_people_with_several_tenants_switch_by_a_post(nina: Desk, acme: Stage, zenith: Stage) -> None:
    _join(nina, acme, Role.OPERATOR)
    _join(nina, zenith, Role.AUDITOR)
    acme.session(name="The harbour")
    zenith.session(name="The desert")
    assert "Switch tenant" in nina.get("/admin/").text
    assert "The harbour" in nina.get("/admin/swarm/swarmsession/").text  # Acme comes first
    assert "Zenith auditor" in nina.get("/admin/tenant/").text
    assert nina.get("/admin/tenant/", tenant=str(zenith.tenant_id)).ok()
    assert "The harbour" in nina.get("/admin/swarm/swarmsession/").text  # a GET switches nothing
    assert "nina works for Zenith now." in nina.post("/admin/tenant/", tenant=str(zenith.tenant_id)).text
    page = nina.get("/admin/swarm/swarmsession/")
    assert "The desert" in page.text
    assert "The harbour" not in page.text
    assert nina.get("/admin/swarm/membership/").ok()  # an auditor there


def test_nobody_switches_to_a_tenant_of_others(nina: Desk, acme: Stage, zenith: Stage) -> None:
    _join(nina, acme, Role.OPERATOR)
    for wanted in (str(zenith.tenant_id), "", "nonsense"):
        assert nina.post("/admin/tenant/", tenant=wanted).status == 404
    assert "Acme" in nina.get("/admin/tenant/").text


def test_a_membership_that_ended_does_not_go_on_in_the_session(nina: Desk, acme: Stage, zenith: Stage) -> None:
    from swarm.models import Membership

    _join(nina, acme, Role.OPERATOR)
    _join(nina, zenith, Role.OPERATOR)
    nina.post("/admin/tenant/", tenant=str(zenith.tenant_id)).ok()
    with zenith.bound():
        Membership.objects.filter(user_id=nina.who.id).delete()
    assert "Zenith" not in nina.get("/admin/").ok().text


def test_a_superuser_without_tenant_looks_after_accounts_and_nothing_else(nina: Desk) -> None:
    get_user_model().objects.filter(username="nina").update(is_superuser=True)
    assert "nina" in nina.get("/admin/auth/user/").ok().text
    assert nina.get("/admin/swarm/task/").status == 403
