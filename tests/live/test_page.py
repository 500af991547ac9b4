"""The live page: for people who are logged in, strict about scripts, and nothing but the session's events."""

import re
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.test import Client

from tests.cast import Caller, Stage


def page_of(session: dict[str, str]) -> str:
    return f"/live/sessions/{session['id']}/"


def browser(caller: Caller | None = None) -> Client:
    made = Client()
    if caller:
        made.force_login(get_user_model().objects.get(username=caller.name))
    return made


def test_who_is_not_logged_in_is_asked_to(acme: Stage) -> None:
    answer = browser().get(page_of(acme.session()))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=/live/sessions/")


def test_a_person_of_the_tenant_sees_the_page(acme: Stage) -> None:
    session = acme.session(name="Harbour <launch>")
    answer = browser(acme.anna).get(page_of(session))
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "Harbour &lt;launch&gt;" in html
    assert f'data-session="{session["id"]}"' in html
    for status in ("pending", "queued", "running", "blocked", "completed", "failed", "cancelled"):
        assert f'data-count="{status}"' in html


def test_other_tenants_sessions_do_not_exist(acme: Stage, zenith: Stage) -> None:
    session = acme.session()
    assert browser(zenith.boss).get(page_of(session)).status_code == 404
    assert browser(acme.boss).get(page_of({"id": str(uuid4())})).status_code == 404


def test_a_member_of_nothing_is_refused(acme: Stage) -> None:
    stranger = get_user_model().objects.create_user("stranger")
    client = Client()
    client.force_login(stranger)
    assert client.get(page_of(acme.session())).status_code == 403


def test_no_script_stands_in_the_page_and_none_from_elsewhere_may_run(acme: Stage) -> None:
    answer = browser(acme.otto).get(page_of(acme.session()))
    policy = answer["Content-Security-Policy"]
    assert re.search(r"script-src ([^;]*)", policy).group(1) == "'self'"
    html = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"\son\w+=", html)
    assert not re.search(r"\sstyle=", html)
    assert browser(acme.otto).post(page_of(acme.session())).status_code in {403, 405}
