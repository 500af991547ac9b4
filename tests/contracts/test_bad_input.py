"""Bad input gets a problem with a stable code and a sentence that says what to do, and changes nothing."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from swarm.models import Task
from tests.cast import Stage

OK = {"type": "research", "input_payload": {"q": 1}}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"surprise": 1}, 422, "unknown_field"),
        ({"priority": 101}, 422, "invalid"),
        ({"priority": "50"}, 422, "invalid"),
        ({"priority": True}, 422, "invalid"),
        ({"type": 5}, 422, "invalid"),
        ({"type": "a\x00b"}, 422, "invalid"),
        ({"input_payload": {"a": ["b\x00"]}}, 422, "nul_character"),
        ({"input_payload": [1]}, 422, "not_an_object"),
        ({"input_payload": {"a": "x" * 300_000}}, 422, "too_large"),
        ({"input_payload": {"a": "\ud800"}}, 422, "invalid"),
        ({"role": "king"}, 422, "invalid"),
        ({"risk_tier": 4}, 422, "invalid"),
        ({"execution_mode": "yolo"}, 422, "invalid"),
        ({"depends_on": ["nonsense"]}, 422, "invalid"),
        ({"depends_on": [str(uuid4())]}, 422, "unknown_task"),
        ({"parent_task": str(uuid4())}, 422, "unknown_task"),
        ({"deadline_at": "2001-01-01T00:00:00Z"}, 422, "invalid"),
        ({"deadline_at": "9999-12-31T23:59:59-12:00"}, 422, "invalid"),
        ({"judged": "yes"}, 422, "invalid"),
        ({"judged": 1}, 422, "invalid"),
        ({"session": str(uuid4())}, 404, "not_found"),
    ],
)
def test_a_bad_task_is_refused_by_name(acme: Stage, change: dict[str, Any], status: int, code: str) -> None:
    session = acme.session()
    acme.pia.post("tasks", {"session": session["id"], **OK, **change}).refused(status, code)
    with acme.bound():
        assert Task.objects.count() == 0


@pytest.mark.parametrize("moment", ["2099-01-01T08:00:00", "2099-01-01 08:00", "2099-01-01", "20990101T080000"])
@pytest.mark.parametrize("field", ["not_before", "deadline_at"])
def test_a_time_without_an_offset_is_refused(acme: Stage, field: str, moment: str) -> None:
    body = {"session": acme.session()["id"], **OK}
    said = acme.pia.post("tasks", body | {field: moment}).refused(422, "invalid")
    assert said["detail"].startswith(f"{field}: Give an offset, as in 2026-03-01T08:00:00Z")
    for offset in ("Z", "+01:00"):
        acme.pia.post("tasks", body | {field: f"2099-01-01T08:00:00{offset}"}).ok(201)


def test_memory_wants_offsets_too(acme: Stage) -> None:
    body = {"content": "The ferry leaves at nine."}
    acme.ada.post("memories", body | {"valid_from": "2026-01-01"}).refused(422, "invalid")
    acme.ada.post("memories/search", {"query": "ferry", "as_of": "2026-01-01T08:00"}).refused(422, "invalid")
    acme.ada.post("memories", body | {"valid_from": "2026-01-01T00:00:00Z"}).ok(201)


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"[1, 2]", 400, "not_an_object"),
        (b"{", 400, "malformed_json"),
        (b'{"a": NaN}', 400, "malformed_json"),
        (b'{"a": 1e999}', 400, "malformed_json"),
        (b'{"a": 1, "a": 2}', 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b'{"a":' * 10_000, 400, "malformed_json"),
        (b'{"a": "' + b"x" * 5_000_000 + b'"}', 413, "too_large"),
    ],
)
def test_a_body_that_is_no_object_is_refused(acme: Stage, raw: bytes, status: int, code: str) -> None:
    acme.pia.post("tasks", raw).refused(status, code)
    acme.pia.post("tasks", raw, Idempotency_Key="k1").refused(status, code)


def test_a_dependency_of_another_session_is_refused(acme: Stage) -> None:
    one, two = acme.session(), acme.session()
    first = acme.task(one)
    acme.pia.post("tasks", {"session": two["id"], **OK, "depends_on": [first["id"]]}).refused(422, "other_session")


def test_a_batch_is_all_or_none(acme: Stage) -> None:
    session = acme.session()
    good = {"session": session["id"], **OK}
    acme.pia.post("tasks/batch", {"tasks": [good, good | {"priority": 1000}]}).refused(422, "invalid")
    acme.pia.post("tasks/batch", {"tasks": [good] * 501}).refused(422, "invalid")
    acme.pia.post("tasks/batch", {"tasks": []}).refused(422, "invalid")
    with acme.bound():
        assert Task.objects.count() == 0
    assert len(acme.pia.post("tasks/batch", {"tasks": [good] * 500}).ok(201)["tasks"]) == 500


def test_an_external_id_is_taken_once(acme: Stage, zenith: Stage) -> None:
    task = acme.task(acme.session(), external_id="order-7")
    taken = acme.pia.post("tasks", {"session": task["session"], **OK, "external_id": "order-7"}).refused(
        409, "external_id_taken"
    )
    assert taken["task"] == task["id"]
    zenith.task(zenith.session(), external_id="order-7")


def test_the_same_key_and_body_give_the_same_task(acme: Stage) -> None:
    session = acme.session()
    body = {"session": session["id"], **OK}
    first = acme.pia.post("tasks", body, Idempotency_Key="abc").ok(201)
    again = acme.pia.post("tasks", body, Idempotency_Key="abc").ok(201)
    assert again["id"] == first["id"]
    reordered = json.dumps(dict(reversed(body.items())), indent=3).encode()
    assert acme.pia.post("tasks", reordered, Idempotency_Key="abc").ok(201)["id"] == first["id"]
    acme.pia.post("tasks", body | {"priority": 9}, Idempotency_Key="abc").refused(422, "idempotency_key_reused")
    acme.otto.post("tasks", body, Idempotency_Key="abc").ok(201)
    acme.pia.post("tasks", body, Idempotency_Key="x" * 300).refused(422, "invalid_idempotency_key")
    with acme.bound():
        assert Task.objects.count() == 2


def test_a_stored_answer_hides_its_secret(acme: Stage) -> None:
    from chimera.kernel.idempotency import Answer

    body = {"name": "nora", "role": "worker"}
    first = acme.otto.post("agents", body, Idempotency_Key="n1").ok(201)
    assert acme.otto.post("agents", body, Idempotency_Key="n1").ok(201)["key"] == first["key"]
    with acme.bound():
        assert first["key"].encode() not in bytes(Answer.objects.get().body)


@pytest.mark.parametrize("cursor", ["x", "!!", "AAAA", "é", "a" * 500])
def test_an_invalid_cursor_is_refused(acme: Stage, cursor: str) -> None:
    acme.pia.get("tasks", cursor=cursor).refused(422, "invalid_cursor")


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "101"), ("limit", "ten"), ("session", "x"), ("status", "odd"), ("role", "king")],
)
def test_an_invalid_filter_is_refused(acme: Stage, name: str, value: str) -> None:
    acme.pia.get("tasks", **{name: value}).refused(422, "invalid")


def test_pages_go_on_without_a_gap_or_a_double(acme: Stage) -> None:
    session = acme.session()
    made = [acme.task(session)["id"] for _ in range(7)]
    seen, cursor = [], {}
    while True:
        page = acme.pia.get("tasks", session=session["id"], limit=3, **cursor).ok()
        seen += [t["id"] for t in page["results"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
        acme.task(session)
    assert seen == list(reversed(made))


def test_no_identity_and_wrong_identities_are_401(acme: Stage, settle: Callable[[], None]) -> None:
    for secret in ("", "chm_wrong", "chp_wrong", "basic"):
        acme.ada.secret = secret
        acme.ada.get("sessions").refused(401, "unauthenticated")
    assert "Bearer" in acme.ada.get("sessions").headers["WWW-Authenticate"]


@pytest.mark.parametrize("amount", ["1e2", "+1", "01x", "1_0", ".5", "5.", " 1", "0x1", "१"])
def test_money_is_plain_digits(acme: Stage, amount: str) -> None:
    acme.fay.post("budgets", {"scope": "tenant", "day_usd": amount}).refused(422, "invalid_money")


def test_a_cancelled_task_says_why(acme: Stage) -> None:
    task = acme.task(acme.session())
    assert (
        acme.otto.post(f"tasks/{task['id']}/cancel", {"reason": "wrong brief"}).ok()["error"]["message"]
        == "wrong brief"
    )


def test_a_parent_of_another_session_is_refused_by_its_own_name(acme: Stage) -> None:
    parent = acme.task(acme.session())
    body = {"session": acme.session()["id"], **OK, "parent_task": parent["id"]}
    assert acme.pia.post("tasks", body).refused(422, "other_session")["errors"][0]["field"] == "parent_task"


def test_a_change_of_another_version_is_refused(acme: Stage) -> None:
    session, budget = acme.session(), acme.budget(day_usd="1")
    for path, change in (
        (f"sessions/{session['id']}", {"context": {"a": 1}}),
        (f"budgets/{budget['id']}", {"day_usd": "2"}),
    ):
        who = acme.otto if path.startswith("sessions") else acme.fay
        who.patch(path, change, If_Match='"77"').refused(409, "stale")
        who.patch(path, change, If_Match="soon").refused(422, "invalid_if_match")
        who.patch(path, change, If_Match='"1"').ok()


def test_an_unknown_method_and_address_are_said(acme: Stage) -> None:
    acme.pia.patch("tasks", {}).refused(405, "method_not_allowed")
    acme.pia.get("nothing/here").refused(404, "not_found")
