"""The tenant's page stops and resumes its work, and says so above every page of the console for as long as it stands still."""

from collections.abc import Callable

from django.contrib.auth import get_user_model

from swarm.models import Task
from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import NOUNS

PLACE = NOUNS["tenant"]


def test_a_tenant_is_stopped_and_resumed_with_a_reason_that_every_page_shows(
    acme: Stage, zenith: Stage, settle: Callable[[], None]
) -> None:
    session = acme.session()
    acme.task(session)
    settle()
    acme.ada.claim()
    otto = Desk(acme.otto)
    here = PLACE.one(acme.tenant_id)
    assert otto.get(here).ok().buttons == {"pause", "stop"}
    assert otto.post(PLACE.one(acme.tenant_id, "stop")).status == 422
    page = otto.post(PLACE.one(acme.tenant_id, "stop"), reason="it runs <away>").ok()
    assert "otto@acme stopped Acme" in page.text
    assert page.buttons == {"resume"}
    with acme.bound():
        assert Task.objects.get().status == "queued"
    paths = (
        "/admin/",
        NOUNS["card"].list,
        NOUNS["session"].one(session["id"]),
        f"/live/sessions/{session['id']}/",
        here,
    )
    for path in paths:
        assert "All work of this tenant is stopped" in otto.get(path).ok().text, path
        assert "it runs <away>" in otto.get(path).text, path
    assert "All work" not in Desk(zenith.otto).get("/admin/").ok().text
    page = otto.post(PLACE.one(acme.tenant_id, "resume"), reason="it was the clock").ok()
    assert page.buttons == {"pause", "stop"}
    assert "it was the clock" in page.text
    assert "All work" not in otto.get("/admin/").ok().text


def test_everything_is_stopped_from_a_superusers_page(acme: Stage, zenith: Stage) -> None:
    boss = Desk(acme.boss)
    refused = boss.post(PLACE.one(acme.tenant_id, "stop_everything"), reason="now").ok()
    assert "superusers" in refused.text
    get_user_model().objects.filter(pk=acme.boss.id).update(is_superuser=True)
    offered = boss.get(PLACE.one(acme.tenant_id)).ok().buttons
    assert offered - {"require_second_factor"} == {"pause", "stop", "stop_everything"}
    boss.post(PLACE.one(acme.tenant_id, "stop_everything"), reason="now").ok()
    assert "All work of every tenant is stopped" in Desk(zenith.otto).get("/admin/").ok().text
    again = boss.post(PLACE.one(acme.tenant_id, "stop_everything"), reason="now")
    assert (again.status, "It is stopped since" in again.text) == (409, True)
    boss.post(PLACE.one(acme.tenant_id, "resume_everything"), reason="on").ok()
    assert "All work" not in Desk(zenith.otto).get("/admin/").ok().text
