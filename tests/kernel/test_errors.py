"""Refusals are problems (RFC 9457): a stable code, a sentence, and a way on; so are the database's own."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.http import Http404
from psycopg import errors as pg
from rest_framework import exceptions

from chimera.kernel import errors
from chimera.kernel.http import problem
from swarm.actions import sessions
from swarm.models import SwarmSession
from tests.cast import Stage
from tests.races.threads import Hold, InBackground

REFUSALS = [
    (errors.invalid("Say it otherwise.", field_name="name"), 422, "invalid"),
    (errors.not_found("task"), 404, "not_found"),
    (errors.forbidden("This is for reviewers."), 403, "forbidden"),
    (errors.conflict("It was taken.", code="taken", by="Ada"), 409, "taken"),
    (errors.unauthenticated("Send a key."), 401, "unauthenticated"),
    (errors.busy("Try again."), 503, "busy"),
    (errors.Stale(), 409, "stale"),
    (errors.StaleLease(), 409, "stale_lease"),
    (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
    (exceptions.NotAcceptable(), 406, "not_acceptable"),
    (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
    (exceptions.ValidationError({"name": ["This is required."]}), 422, "invalid"),
    (Http404(), 404, "not_found"),
    (PermissionDenied(), 403, "forbidden"),
    (InterfaceError("connection already closed"), 503, "busy"),
    (OperationalError("server closed the connection unexpectedly"), 503, "busy"),
]


@pytest.mark.parametrize(("exc", "status", "code"), REFUSALS, ids=[code for _, _, code in REFUSALS])
def test_a_refusal_is_a_problem(exc: Exception, status: int, code: str) -> None:
    response = problem.answer(exc)
    assert response is not None
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    body: dict[str, Any] = dict(response.data)
    assert {"type", "title", "status", "code", "detail", "trace_id"} <= set(body)
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:chimera:problem:{code}")
    assert body["detail"]
    assert "\n" not in body["detail"]


def test_what_helps_to_go_on_is_in_it() -> None:
    assert problem.body(REFUSALS[0][0])["errors"] == [
        {"field": "name", "code": "invalid", "message": "Say it otherwise."}
    ]  # type: ignore[arg-type]
    assert problem.body(REFUSALS[3][0])["by"] == "Ada"  # type: ignore[arg-type]
    busy, unknown = (
        problem.answer(errors.busy("Try again.", retry_seconds=7)),
        problem.answer(errors.unauthenticated("Who?")),
    )
    assert busy is not None
    assert busy.headers["Retry-After"] == "7"
    assert unknown is not None
    assert unknown.headers["WWW-Authenticate"].startswith("Bearer")


def test_what_nobody_foresaw_is_no_refusal() -> None:
    assert problem.answer(ZeroDivisionError()) is None
    assert problem.as_refusal(DataError("value too long")) is None


def test_a_lock_that_does_not_come_is_busy(acme: Stage) -> None:
    """The database's own words, by a lock that another really holds."""
    session = acme.session()["id"]
    hold = Hold()

    def keep() -> None:
        with acme.bound():
            SwarmSession.objects.select_for_update().get(pk=session)
            hold.stay()

    keeper = InBackground(keep)
    hold.wait_reached()
    try:
        with pytest.raises(OperationalError) as refused, acme.bound():
            SwarmSession.objects.select_for_update(nowait=True).get(pk=session)
    finally:
        hold.release()
        keeper.answer()
    assert isinstance(refused.value.__cause__, pg.LockNotAvailable)
    found = problem.as_refusal(refused.value)
    assert found is not None
    assert (found.status, found.code, found.headers) == (503, "busy", {"Retry-After": "1"})
    assert "nothing was changed" in found.detail


def provoked(sql: str) -> Exception:
    with (
        pytest.raises((OperationalError, IntegrityError)) as raised,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    return raised.value


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("state", ["40P01", "57014"])
def test_a_deadlock_and_a_timeout_are_busy(state: str) -> None:
    found = problem.as_refusal(
        provoked(f"DO $$ BEGIN RAISE EXCEPTION 'as it happens' USING ERRCODE = '{state}'; END $$")
    )
    assert found is not None
    assert (found.status, found.code) == (503, "busy")


@pytest.mark.usefixtures("db")
def test_a_reference_to_another_tenants_thing_names_nothing_that_exists() -> None:
    sql = "DO $$ BEGIN RAISE foreign_key_violation USING CONSTRAINT = 'swarm_task_same_tenant'; END $$"
    found = problem.as_refusal(provoked(sql))
    assert found is not None
    assert (found.status, found.code) == (404, "not_found")
    other = provoked("DO $$ BEGIN RAISE foreign_key_violation USING CONSTRAINT = 'another'; END $$")
    assert problem.as_refusal(other) is None


def test_a_refusal_undoes_its_transaction(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    create: Callable[..., Any] = sessions.create

    def create_and_refuse(**said: Any) -> Any:
        create(**said)
        raise errors.conflict("Not today; come back tomorrow.", code="not_today")

    monkeypatch.setattr(sessions, "create", create_and_refuse)
    acme.pia.post("sessions", {"name": "gone"}).refused(409, "not_today")
    assert acme.pia.get("sessions").ok()["results"] == []
