"""Spends of many decided together: the same answers, rows, windows and facts as each would have had alone."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from psycopg.errors import AdminShutdown

from chimera.asgi import django_application
from chimera.kernel import ids
from chimera.kernel.eventlog import Event
from commerce import shapes
from commerce.actions import Place, booking
from commerce.api import quick
from commerce.models import SpendWindow, Transaction, Transition
from commerce.serializers import TransactionShape
from tests.cast import Said, Stage
from tests.commerce.books import at_work, check_books
from tests.commerce.plans import filled
from tests.commerce.test_increases import granted
from tests.live.watching import run
from tests.swarm.at_wire import Wire

JSON = {
    "payee": "render.example",
    "category": "pictures",
    "purpose": "the ferry",
    "metadata": {"of": ["ä", 1.5, None]},
}


def asking(claim: dict[str, Any], amount: str, **more: Any) -> dict[str, Any]:
    said = {"task": claim["task"]["id"], "lease_token": claim["lease_token"], "amount_usd": amount}
    return said | {"asset_symbol": "USD"} | JSON | more


def plain(value: Any, names: dict[str, str]) -> Any:
    """Without what differs for everybody: each id by what it is called, no moments, no traces."""
    match value:
        case dict():
            return {
                k: plain(v, names)
                for k, v in value.items()
                if k not in {"trace_id", "created_at", "settled_at", "expires_at"}
            }
        case list():
            return [plain(one, names) for one in value]
        case str():
            for found, name in names.items():
                value = value.replace(found, name)
            return value
        case _:
            return value


def left_behind(acme: Stage, claim: dict[str, Any], names: dict[str, str]) -> Any:
    """Rows, transitions, facts of a task."""
    task = claim["task"]["id"]
    with acme.bound():
        rows = list(Transaction.objects.filter(task_id=task).order_by("pk"))
        names |= {str(row.pk): f"transaction {number}" for number, row in enumerate(rows)}
        found = [{f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields} for row in rows]
        steps = [
            [str(v) for v in step]
            for row in rows
            for step in Transition.objects.of(row.pk).values_list(
                "from_status", "to_status", "held_usd", "captured_usd", "keeper", "actor"
            )
        ]
        facts = list(
            Event.objects.filter(task_id=task, type__startswith="commerce")
            .order_by("seq")
            .values("type", "payload", "actor", "aggregate_version")
        )
    shown = [
        {k: v if isinstance(v, dict | list) else str(v) for k, v in row.items() if k != "approval_key"} for row in found
    ]
    listed = [{k: [str(x) for x in v] if isinstance(v, list) else v for k, v in row.items()} for row in shown]
    return plain([listed, steps, facts], names)


STORY: list[tuple[str, dict[str, Any]]] = [
    ("spend", {"amount_usd": "0.30"}),
    ("spend", {"amount_usd": "0.250001", "payee": ""}),
    ("spend", {"amount_usd": "0.60"}),  # more than is left
    ("capture", {"of": 0, "amount_usd": "0.10"}),
    ("spend", {"amount_usd": "0.60"}),  # now it fits
    ("void", {"of": 1, "reason": "not needed"}),
    ("spend", {"amount_usd": "0.60"}),  # more than one spend may be
    ("capture", {"of": 4}),
]


async def told(wire: Wire, acme: Stage, claim: dict[str, Any], *, quick: bool) -> list[Said]:
    """What follows a refusal is left out."""
    said: list[Said] = []
    at = None if quick else django_application
    for verb, more in STORY:
        if verb == "spend":
            said.append(
                await wire.call(
                    acme.ada,
                    "transactions",
                    asking(
                        claim, **{"amount": more["amount_usd"]}, **{k: v for k, v in more.items() if k != "amount_usd"}
                    ),
                    at=at,
                )
            )
        elif "id" in said[more["of"]].body:
            rest = {k: v for k, v in more.items() if k != "of"} | {"lease_token": claim["lease_token"]}
            said.append(await wire.call(acme.ada, f"transactions/{said[more['of']]['id']}/{verb}", rest, at=at))
    return said


Change = Callable[[Stage, Said], object]


def left_by(
    acme: Stage, *, quick: bool, change: Change = lambda acme, budget: None, currency: str = "USD", **task: Any
) -> Any:
    """What the story of one task and its session's budget leaves: answers, windows, rows, transitions, facts."""
    session = acme.session()
    limits = {"day_usd": "1", "per_transaction_usd": "0.61", "currency": currency}
    budget = acme.fay.post("budgets", {"scope": "session", "scope_id": session["id"], **limits}).ok(201)
    claim = at_work(acme, session=session, **task)
    acme.ada.spend(claim, "0.01")  # makes the windows
    change(acme, budget)
    wire = Wire(django_application)
    said: list[Said] = []

    async def main() -> None:
        said.extend(await told(wire, acme, claim, quick=quick))

    run(main)
    assert wire.left == []
    names = {
        claim["task"]["id"]: "task",
        session["id"]: "session",
        budget["id"]: "budget",
        claim["lease_token"]: "lease",
    }
    with acme.bound():
        windows = list(SpendWindow.objects.filter(budget_id=budget["id"]).order_by("kind"))
    names |= {str(row.pk): f"{row.kind} window" for row in windows}
    figures = [(row.kind, row.held_usd, row.captured_usd) for row in windows]
    behind = left_behind(acme, claim, names)
    answers = [(one.status, one.headers["Content-Type"], plain(one.body, names)) for one in said]
    return answers, figures, behind


def test_both_ways_leave_the_same(acme: Stage) -> None:
    together, alone = left_by(acme, quick=True), left_by(acme, quick=False)
    assert [status for status, _, _ in together[0]] == [201, 201, 402, 200, 201, 200, 402, 200]
    for one, other in zip(together, alone, strict=True):
        assert one == other
    check_books(acme)


def switched_off(acme: Stage, budget: Said) -> None:
    acme.fay.patch(f"budgets/{budget['id']}", {"is_active": False}).ok()


def nobody_but_a_printer(acme: Stage, budget: Said) -> None:
    acme.fay.put(f"budgets/{budget['id']}/rules", {"rules": {"payees": {"allowed": ["printer.example"]}}}).ok()


def raised(acme: Stage, budget: Said) -> None:
    granted(acme, budget.body, "0.05")


def lowered(acme: Stage, budget: Said) -> None:
    acme.fay.patch(f"budgets/{budget['id']}", {"day_usd": "0.5"}).ok()


@pytest.mark.parametrize("change", [switched_off, nobody_but_a_printer, raised, lowered])
def test_both_ways_leave_the_same_whatever_became_of_the_budget(acme: Stage, change: Change) -> None:
    for one, other in zip(
        left_by(acme, quick=True, change=change), left_by(acme, quick=False, change=change), strict=True
    ):
        assert one == other
    check_books(acme)


@pytest.mark.parametrize("more", [{"execution_mode": "dry_run"}, {"currency": "EUR"}], ids=["dry_run", "currency"])
def test_both_ways_refuse_alike_with_a_row(acme: Stage, more: dict[str, str]) -> None:
    together, alone = left_by(acme, quick=True, **more), left_by(acme, quick=False, **more)
    assert {status for status, _, _ in together[0]} == {402}
    for one, other in zip(together, alone, strict=True):
        assert one == other


# ------------------------------------------------------------------ what is left


def test_what_is_not_plain_is_left_to_the_door_and_answered_by_it(acme: Stage) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="5")
    claim = at_work(acme)
    token = {"lease_token": claim["lease_token"]}
    first = asking(claim, "0.01")  # whose windows are missing
    wire = Wire(django_application)

    async def main() -> None:
        assert (await wire.call(acme.ada, "transactions", first)).status == 201
        assert len(wire.left) == 1
        hold = await wire.call(acme.ada, "transactions", first)
        assert (hold.status, len(wire.left)) == (201, 1)
        unknown, path = str(ids.uuid7()), f"transactions/{hold['id']}"
        left: list[tuple[str, dict[str, Any], int, str]] = [
            ("transactions", asking(claim, "0.01", lease_token=unknown), 409, "stale_lease"),
            ("transactions", asking(claim, "0.01", task=unknown), 404, "not_found"),
            ("transactions", asking(claim, "0.01", asset_symbol="PEBBLES"), 422, "unknown_asset"),
            ("transactions", asking(claim, "0"), 422, "invalid"),
            (f"{path}/capture", token | {"amount_usd": "0.02"}, 422, "capture_above_hold"),
            (f"{path}/capture", {"lease_token": unknown}, 409, "stale_lease"),
            (f"transactions/{unknown}/void", token, 404, "not_found"),
        ]
        for number, (where, said, status, code) in enumerate(left):
            answered = await wire.call(acme.ada, where, said)
            assert (answered.status, answered["code"]) == (status, code), answered
            assert len(wire.left) == number + 2
        number = len(wire.left)
        captured = await wire.call(acme.ada, f"{path}/capture", token)
        assert (captured.status, captured["status"], len(wire.left)) == (200, "captured", number)
        again = await wire.call(acme.ada, f"{path}/capture", token)
        assert (again.body, len(wire.left)) == (captured.body, number + 1)
        review = await wire.call(acme.ada, "transactions", asking(claim, "6"))
        assert (review.status, len(wire.left)) == (202, number + 2)

    run(main)
    check_books(acme)


@pytest.mark.parametrize("keyed", [True, False])
def test_when_postgresql_goes_away_only_who_has_a_key_is_left_to_the_door(
    acme: Stage, monkeypatch: pytest.MonkeyPatch, keyed: bool
) -> None:
    """Perhaps it went away after the commit: without a key the door would hold once more."""
    acme.budget(day_usd="1")
    claim = at_work(acme)

    def away(tenant_id: UUID, asked: object) -> None:
        raise OperationalError("gone") from AdminShutdown("gone")

    monkeypatch.setattr(quick, "spend_together", away)
    wire = Wire(django_application)
    said: list[Said] = []

    async def main() -> None:
        key = ((b"idempotency-key", b"one"),) if keyed else ()
        said.append(await wire.call(acme.ada, "transactions", asking(claim, "0.01"), key))

    run(main)
    if keyed:
        assert (said[0].status, len(wire.left)) == (201, 1)
    else:
        said[0].refused(503, "busy")
        assert (said[0].headers["Retry-After"], wire.left) == ("2", [])


# ------------------------------------------------------------------ keys and shapes


def test_a_key_is_answered_as_the_first_time_by_either_way(acme: Stage) -> None:
    acme.budget(day_usd="1")
    claim = at_work(acme)
    acme.ada.spend(claim, "0.01").ok(201)
    wire = Wire(django_application)

    async def main() -> None:
        for amount, status in (("0.2", 201), ("2", 402)):
            body, key = asking(claim, amount), ((b"idempotency-key", str(ids.uuid7()).encode()),)
            first, second = await wire.both(acme.ada, "transactions", body, key)
            third = await wire.call(acme.ada, "transactions", body, key)
            assert (first.status, first.body) == (second.status, second.body) == (third.status, third.body)
            assert first.status == status
            assert (await wire.call(acme.ada, "transactions", body | {"amount_usd": "0.3"}, key)).body[
                "code"
            ] == "idempotency_key_reused"

    run(main)
    with acme.bound():
        assert Transaction.objects.count() == 3
    check_books(acme)


def test_a_transaction_is_shown_field_by_field_as_its_serializer_says(acme: Stage) -> None:
    acme.budget(day_usd="1", approval_threshold_usd="0.5")
    claim = at_work(acme)
    told = acme.ada.spend(claim, "0.2", metadata={"of": [1, {"a": None}]}).ok(201)
    acme.ada.post(f"transactions/{told['id']}/capture", {"lease_token": claim["lease_token"]}).ok()
    acme.ada.post(
        f"tasks/{claim['task']['id']}/heartbeat", {"lease_token": claim["lease_token"], "cost_usd": "0.1"}
    ).ok()
    acme.ada.spend(claim, "2", payee="").refused(402, "budget_exceeded")
    acme.ada.spend(claim, "0.55").ok(202)
    with acme.bound():
        rows = list(Transaction.objects.order_by("pk"))
    assert {row.status for row in rows} == {"captured", "held", "denied", "review"}
    for row in rows:
        ends = row.created_at
        row.expires_at = ends  # type: ignore[attr-defined]
        said = dict(TransactionShape(row).data)
        said |= {name: said[name] or None for name in ("denied_code", "denied_reason")}
        assert json.dumps(shapes.transaction(row, ends)) == json.dumps(said)


def test_whether_a_card_let_a_hold_go_on_is_served_by_an_index_of_those(acme: Stage) -> None:
    """However much its task holds: it is asked for every spend."""
    acme.budget(day_usd="100")
    claim = at_work(acme)
    acme.ada.spend(claim, "1").ok(201)
    names = filled("transaction_approved")
    task_id = UUID(claim["task"]["id"])
    with acme.bound(), connection.cursor() as cursor:
        place = Place(task_id=task_id, session_id=task_id, campaign_id=None, agent_id=UUID(acme.ada.id))
        *_, (statement, params) = booking.reading([place], (), ())
        cursor.execute(f"EXPLAIN {statement}", params)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert any(name in plan for name in names), plan
