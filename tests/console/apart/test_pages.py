"""Every page of tests.console.places: who opens it, who may walk its verbs, and that it takes any address without breaking."""

import re

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


def test_odd_addresses_are_answered(acme: Stage, rows: dict[str, str]) -> None:
    boss = Desk(acme.boss)
    for noun in NOUNS.values():
        assert boss.get(noun.list, p="nonsense").status == 200
        assert boss.get(noun.list, p="999999").status in {200, 302}
        assert boss.get(noun.list, q="'; DROP TABLE swarm_task; --").status == 200
        assert boss.get(noun.list, q="nul \x00 character").status in {200, 422}
        long = boss.get(noun.list, q="a " * 101)
        assert (long.status, "Look for at most 200 characters" in long.text) == (422, True)
        assert boss.get(noun.list, o="1.-2.99").status == 200
        assert boss.get(noun.list, session="nonsense", campaign="nonsense").status in {200, 400}
        assert boss.get(noun.list, tenant_id__gt="0").status == 400  # columns that no filter asks for
        assert boss.get(noun.list, status__regex="(a+)+$").status == 400
        page = boss.get(noun.list, foo="1")
        assert (page.status, "This list has no such filter" in page.text) == (400, True)
        assert "Back" in page.text
        assert boss.get(f"{noun.list}nonsense/").status == 404
    assert boss.get("/admin/nowhere/").status == 404
    assert (
        boss.get("/admin/autocomplete/", term="a", app_label="swarm", model_name="task", field_name="session").status
        == 404
    )


def test_nothing_is_loaded_from_outside(acme: Stage, rows: dict[str, str]) -> None:
    boss = Desk(acme.boss)
    for path in ("/admin/", NOUNS["card"].list, NOUNS["card"].one(rows["card"]), NOUNS["session"].one(rows["session"])):
        page = boss.get(path).ok()
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', page.html) == []
        policy = page.headers["Content-Security-Policy"]
        assert "'unsafe-eval'" in policy
        assert "default-src 'self'" in policy
