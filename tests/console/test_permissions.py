"""Who sees which page and may walk which verb: the truth table of tests.console.places, tried at every door."""

import re

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chimera.kernel.eventlog import Event
from tests.cast import Stage
from tests.console.desk import Desk
from tests.console.places import ALL, NOUNS

READING = ("SELECT", "BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")


def _writes(sql: str) -> bool:
    """A WITH reads, unless one of its parts writes."""
    said = sql.strip()
    return not said.startswith(READING) and (
        not said.startswith("WITH") or bool(re.search(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", said))
    )


def _desks(stage: Stage) -> dict[str, Desk]:
    return {who: Desk(getattr(stage, who)) for who in sorted(ALL)}


def test_each_role_opens_the_pages_it_should_and_no_others(acme: Stage, rows: dict[str, str]) -> None:
    wrong = []
    for who, desk in _desks(acme).items():
        for name, noun in NOUNS.items():
            expected = 200 if who in noun.seen_by else 403
            for path in (noun.list, noun.one(rows[name])):
                if (status := desk.get(path).status) != expected:
                    wrong.append(f"{who} {path}: {status} instead of {expected}")
    assert wrong == []


def test_each_role_is_offered_the_verbs_it_may_walk_and_refused_the_others(acme: Stage, rows: dict[str, str]) -> None:
    """By the buttons, and at the door itself. Bodies are empty, so that what is allowed is refused for its words alone."""
    wrong = []
    for who, desk in _desks(acme).items():
        for name, noun in NOUNS.items():
            allowed = who in noun.walked_by
            shown = desk.get(noun.one(rows[name])).buttons
            if shown and not allowed:
                wrong.append(f"{who} is offered {shown} for {name}")
            if allowed and not shown:
                wrong.append(f"{who} is offered nothing for {name}")
            wrong += [f"{who} is offered {verb} for {name}" for verb in shown if who not in noun.walked[verb]]
            wrong += [
                f"{who} {verb} {name}: {status}"
                for verb in noun.verbs
                if who not in noun.walked[verb]
                and (status := desk.post(noun.one(rows[name], verb), note="x", reason="x").status) != 403
            ]
    assert wrong == []


def test_the_sidebar_lists_what_the_role_opens(acme: Stage) -> None:
    for who, desk in _desks(acme).items():
        html = desk.get("/admin/").ok().html
        for noun in NOUNS.values():
            assert (f'href="{noun.list}"' in html) == (who in noun.seen_by), (who, noun.path)
        assert "/admin/auth/user/" not in html


def test_nobody_who_is_not_logged_in_sees_anything(acme: Stage, rows: dict[str, str]) -> None:
    for name, noun in NOUNS.items():
        for path in ("/admin/", noun.list, noun.one(rows[name])):
            answer = Client().get(path)
            assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={path}")


def test_another_tenants_rows_do_not_exist(acme: Stage, zenith: Stage, rows: dict[str, str]) -> None:
    stranger = Desk(zenith.boss)
    for name, noun in NOUNS.items():
        standing = {"standing": "all"} if name in {"card", "memory"} else {}
        assert rows[name] not in stranger.get(noun.list, **standing).ok().html
        assert stranger.get(noun.one(rows[name])).status == 404
        for verb in noun.verbs:
            assert stranger.post(noun.one(rows[name], verb), note="x", reason="x").status == 404, (name, verb)


def test_no_page_writes_without_a_post_and_its_csrf_token(acme: Stage, rows: dict[str, str]) -> None:
    boss = Desk(acme.boss)
    with acme.bound():
        told = Event.objects.count()
    for name, noun in NOUNS.items():
        for path in ("/admin/", "/admin/tenant/", noun.list, noun.one(rows[name])):
            with CaptureQueriesContext(connection) as asked:
                boss.get(path).ok()
            assert [q["sql"] for q in asked if _writes(q["sql"])] == [], path
        for verb in noun.verbs:
            assert boss.get(noun.one(rows[name], verb)).status == 405, (name, verb)
            assert boss.post(noun.one(rows[name], verb), csrf=False, note="x", reason="x").status == 403, (name, verb)
        assert boss.post(noun.one(rows[name])).status == 405, name
    assert boss.post("/admin/tenant/", csrf=False, tenant=str(acme.tenant_id)).status == 403
    with acme.bound():
        assert Event.objects.count() == told


def test_there_are_no_forms_that_add_change_or_delete_rows(acme: Stage, rows: dict[str, str]) -> None:
    boss = Desk(acme.boss)
    for name, noun in NOUNS.items():
        for path in (f"{noun.list}add/", f"{noun.one(rows[name])}delete/", f"{noun.one(rows[name])}history/"):
            assert boss.get(path).status == 404, path


def test_accounts_are_for_superusers_alone_and_nobody_is_deleted(acme: Stage) -> None:
    boss = Desk(acme.boss)
    assert boss.get("/admin/auth/user/").status == 403
    account = get_user_model().objects.get(pk=acme.boss.id)
    account.is_superuser = True
    account.save()
    assert "rita@acme" in boss.get("/admin/auth/user/").ok().text
    assert boss.get("/admin/auth/user/add/").ok()
    assert boss.get(f"/admin/auth/user/{acme.rita.id}/change/").ok()
    assert boss.post(f"/admin/auth/user/{acme.rita.id}/delete/", post="yes").status == 403
    boss.post(
        "/admin/auth/user/add/",
        username="nina",
        usable_password="true",
        password1="tide-gate-1911",
        password2="tide-gate-1911",
    ).ok()
    assert get_user_model().objects.filter(username="nina", is_superuser=False).exists()


def test_a_switched_off_account_sees_nothing(acme: Stage) -> None:
    desk = Desk(acme.boss)
    get_user_model().objects.filter(pk=acme.boss.id).update(is_active=False)
    assert desk.get("/admin/").status == 302


def test_a_role_that_was_taken_away_is_gone_with_the_next_click(acme: Stage, waiting: str) -> None:
    from swarm.models import Membership

    rita = Desk(acme.rita)
    card = NOUNS["card"].one(waiting)
    assert rita.get(card).ok()
    with acme.bound():
        Membership.objects.filter(user_id=acme.rita.id).update(roles=[])
    assert rita.get(card).status == 403
    assert rita.post(NOUNS["card"].one(waiting, "approve")).status == 403
