"""Whom to tell: made, changed, paused and removed by admins; a secret is shown once, and a webhook's path never."""

from typing import Any

import pytest

from chimera.kernel.eventlog import Event
from safety.models import NotificationTarget
from tests.cast import Stage
from tests.safety import telling

URL = "https://hooks.example.com/services/T0/B0/verysecretpath"
WEBHOOK: dict[str, Any] = {"name": "house", "kind": "webhook", "address": URL}


def everything_told(stage: Stage) -> str:
    with stage.bound():
        return "".join(str(row.payload) for row in Event.objects.all())


def test_a_webhook_gets_a_secret_that_is_shown_once_and_lies_sealed(acme: Stage) -> None:
    made = acme.boss.post("notification-targets", WEBHOOK).ok(201)
    secret = made["secret"]
    assert secret.startswith("whsec_")
    read = acme.boss.get(f"notification-targets/{made['id']}").ok()
    listed = acme.boss.get("notification-targets").ok()["results"]
    assert listed == [read.body]
    assert read["address"] == "https://hooks.example.com/…path"
    assert (read["occasions"], read["roles"]) == (["waits", "due", "escalated"], [])
    assert (read["status"], read["created_by"]) == ("active", f"person:{acme.boss.id}")
    shown = str(read.body) + everything_told(acme)
    assert secret not in shown
    assert "verysecret" not in shown
    with acme.bound():
        assert secret.encode() not in bytes(NotificationTarget.objects.get().secret)


def test_a_new_secret_stands_beside_the_earlier_one_for_a_while_or_not_at_all(acme: Stage) -> None:
    made = telling.target(acme, URL)
    path = f"notification-targets/{made['id']}/secret"
    second = acme.boss.post(path).ok()
    assert second["secret"] != made["secret"]
    assert second["earlier_secret_until"] is not None
    third = acme.boss.post(path, {"overlap_hours": 0}).ok()
    assert third["earlier_secret_until"] is None
    assert "whsec_" not in everything_told(acme)
    acme.boss.post(path, {"overlap_hours": 169}).refused(422, "invalid")


def test_what_is_changed_is_told_and_what_is_not_is_not(acme: Stage) -> None:
    made = telling.target(acme, URL)
    path = f"notification-targets/{made['id']}"
    said = acme.boss.patch(path, {"name": "night", "occasions": ["waits"], "roles": ["finance"]}).ok()
    assert (said["name"], said["occasions"], said["roles"]) == ("night", ["waits"], ["finance"])
    acme.boss.patch(path, {"name": "night"}).ok()
    with acme.bound():
        (told,) = Event.objects.filter(type="safety.notification_target.changed.v1")
    assert told.payload["changed"] == ["name", "occasions", "roles"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"occasions": []}, "occasions"),
        ({"occasions": ["test"]}, "occasions"),
        ({"roles": ["auditor"]}, "roles"),
        ({"roles": ["worker"]}, "roles"),
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"kind": "pigeon"}, "kind"),
        ({"address": "http://[::1"}, "address"),
        ({"address": "https://169.254.169.254/latest/"}, "address"),
        ({"address": "https://hooks.example.com/" + "x" * 2000}, "address"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(acme: Stage, change: dict[str, Any], field: str) -> None:
    said = acme.boss.post("notification-targets", WEBHOOK | change)
    assert said.status == 422
    assert [error["field"].partition(".")[0] for error in said["errors"]] == [field]


def test_an_e_mail_target_needs_a_mail_server_and_one_address(acme: Stage, settings: Any) -> None:
    mail = {"name": "desk", "kind": "email", "address": "desk@acme.example"}
    settings.EMAIL_HOST = ""
    acme.boss.post("notification-targets", mail).refused(409, "email_not_set_up")
    settings.EMAIL_HOST = "mail.acme.example"
    for address in ("desk", "a@acme.example, b@acme.example", "a@acme.example\nBcc: b@acme.example"):
        acme.boss.post("notification-targets", mail | {"address": address}).refused(422, "invalid_address")
    made = acme.boss.post("notification-targets", mail).ok(201)
    assert (made["secret"], made["address"]) == (None, "desk@acme.example")
    acme.boss.post(f"notification-targets/{made['id']}/secret").refused(409, "not_signed")


def test_a_name_is_taken_until_its_target_is_removed(acme: Stage) -> None:
    made = telling.target(acme, URL)
    acme.boss.post("notification-targets", WEBHOOK).refused(409, "name_taken")
    path = f"notification-targets/{made['id']}"
    acme.boss.post(f"{path}/status", {"status": "removed", "reason": "moved"}).ok()
    telling.target(acme, URL)
    for body, sub in (({"status": "active", "reason": "x"}, "/status"), ({}, "/secret"), ({}, "/test")):
        acme.boss.post(f"{path}{sub}", body).refused(409, "target_removed")
    acme.boss.patch(path, {"name": "other"}).refused(409, "target_removed")
    assert acme.boss.get("notification-targets", status="removed").ok()["results"][0]["id"] == made["id"]


def test_a_paused_target_gets_no_test(acme: Stage) -> None:
    path = f"notification-targets/{telling.target(acme, URL)['id']}"
    acme.boss.post(f"{path}/status", {"status": "paused", "reason": "night"}).ok()
    acme.boss.post(f"{path}/test").refused(409, "target_paused")
    acme.boss.post(f"{path}/status", {"status": "paused", "reason": "night"}).refused(409, "target_paused")


def test_a_tenant_has_twenty_targets_at_most(acme: Stage) -> None:
    for number in range(20):
        telling.target(acme, URL, name=f"target {number}")
    acme.boss.post("notification-targets", WEBHOOK).refused(409, "too_many")


# Who may what; every person has a row, and admins have all.
READERS, WRITERS, OPERATORS = {"otto", "anna", "boss"}, {"boss"}, {"otto", "boss"}
DOORS = [
    ("get", "notification-targets", READERS),
    ("post", "notification-targets", WRITERS),
    ("get", "notification-targets/{target}", READERS),
    ("patch", "notification-targets/{target}", WRITERS),
    ("post", "notification-targets/{target}/test", WRITERS),
    ("post", "notification-targets/{target}/secret", WRITERS),
    ("post", "notification-targets/{target}/status", WRITERS),
    ("get", "deliveries", READERS),
    ("get", "deliveries/{delivery}", READERS),
    ("post", "deliveries/{delivery}/replay", OPERATORS),
]


def test_each_role_may_what_the_table_says_and_a_stranger_finds_nothing(acme: Stage, zenith: Stage) -> None:
    target = telling.target(acme, URL)["id"]
    delivery = acme.boss.post(f"notification-targets/{target}/test").ok(202)["id"]
    wrong = []
    for method, path, allowed in DOORS:
        address = path.format(target=target, delivery=delivery)
        for who in ("ada", "rita", "otto", "fay", "anna", "boss"):
            caller = getattr(acme, who)
            said = caller.get(address) if method == "get" else getattr(caller, method)(address, {"reason": 1})
            if (said.status == 403) == (who in allowed):
                wrong.append(f"{who} {method} {path}: {said.status}")
        if "{" in path:
            stranger = zenith.boss
            body = {"status": "paused", "reason": "x"} if path.endswith("status") else {}
            said = stranger.get(address) if method == "get" else getattr(stranger, method)(address, body)
            if said.status != 404:
                wrong.append(f"a stranger {method} {path}: {said.status}")
    assert wrong == []
    assert zenith.boss.get("notification-targets").ok()["results"] == []
    assert zenith.boss.get("deliveries").ok()["results"] == []
