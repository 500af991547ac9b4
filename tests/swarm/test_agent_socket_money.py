"""Spends, captures and voids over the socket: the same rules, rows and keys as over HTTP."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected

from chimera.flows import spend_many as flow
from chimera.flows.authorise_spend import SPENDERS
from chimera.kernel.bridge import in_thread
from chimera.kernel.http.permissions import PEOPLE
from chimera.kernel.idempotency import Answer
from commerce.api import transactions as door
from commerce.models import Transaction
from tests.cast import Stage
from tests.commerce.books import check_books
from tests.live.watching import run
from tests.safety.test_early_decisions import KEY, digest, early, say
from tests.swarm.at_socket import AtSocket

pytestmark = pytest.mark.usefixtures("relay")


def rows(acme: Stage) -> list[Transaction]:
    with acme.bound():
        return list(Transaction.objects.order_by("pk"))


async def at_work(acme: Stage, at: AtSocket, number: int = 1) -> list[dict[str, Any]]:
    session = await in_thread(acme.session)
    for _ in range(number):
        await in_thread(lambda: acme.task(session))
    await at.ready(number)
    claims = await at.tasks(number)
    await at.ready(0)
    return claims


def test_a_spend_is_held_captured_and_voided(acme: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            held = await ada.spend(claim, "0.04", category="pictures", purpose="a cover", metadata={"of": "the ferry"})
            assert (held["kind"], held["status"], held["task"]) == ("ack", "held", claim["task"]["id"])
            shown = (await in_thread(acme.ada.get, f"transactions/{held['transaction']['id']}")).body
            assert held["transaction"] == shown
            assert shown["purpose"] == "a cover"
            token = {"lease_token": claim["lease_token"]}
            captured = await ada.ask("capture", transaction=shown["id"], amount_usd="0.03", **token)
            assert (captured["transaction"]["status"], captured["transaction"]["captured_usd"]) == ("captured", "0.03")
            again = await ada.ask("capture", transaction=shown["id"], amount_usd="0.03", **token)
            assert again["transaction"] == captured["transaction"]
            other = await ada.spend(claim, "1")
            voided = await ada.ask("void", transaction=other["transaction"]["id"], reason="not needed", **token)
            assert voided["transaction"]["status"] == "voided"
            late = await ada.ask("capture", transaction=other["transaction"]["id"], **token)
            assert (late["kind"], late["code"]) == ("error", "transaction_voided")
            assert late["transaction"] == other["transaction"]["id"]

    run(main)
    check_books(acme)


def test_a_denied_spend_is_an_answer_and_a_row(acme: Stage) -> None:
    acme.budget(day_usd="1")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            said = await ada.spend(claim, "1.5")
            assert (said["kind"], said["status"], said["transaction"]["status"]) == ("ack", "denied", "denied")
            assert (said["denied"]["code"], said["denied"]["remaining_usd"]) == ("budget_exceeded", "1.00")
            assert said["denied"]["resets_at"]
            by_http = (await in_thread(lambda: acme.ada.spend(claim, "1.5"))).refused(402, "budget_exceeded")
            assert {name: by_http[name] for name in said["denied"]} == said["denied"]
            assert (await ada.finish(claim))["outcome"] == "completed"

    run(main)
    assert [row.status for row in rows(acme)] == ["denied", "denied"]


def test_a_spend_for_a_person_blocks_its_task_and_comes_back_with_its_money(acme: Stage) -> None:
    acme.budget(day_usd="10", approval_threshold_usd="1")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            said = await ada.spend(claim, "2")
            assert (said["status"], said["transaction"]["status"]) == ("review", "review")
            assert (await ada.spend(claim, "0.01"))["code"] == "stale_lease"
            await ada.ready(1)
            card = said["transaction"]["review"]
            (await in_thread(lambda: acme.rita.post(f"reviews/{card}/decision", {"decision": "approve"}))).ok()
            again = (await ada.tasks(2))[1]
            assert [t["id"] for t in again["resume"]["transactions"]] == [said["transaction"]["id"]]
            assert (await ada.spend(again, "2"))["transaction"]["id"] == said["transaction"]["id"]

    run(main)
    check_books(acme)


def test_a_key_holds_once_over_whichever_line(acme: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.ada) as elsewhere:
            (claim,) = await at_work(acme, ada)
            first = await ada.spend(claim, "0.04", key="k-1")
            again = await elsewhere.spend(claim, "0.04", key="k-1")
            assert again["transaction"] == first["transaction"]
            body = {
                "task": claim["task"]["id"],
                "lease_token": claim["lease_token"],
                "amount_usd": "0.04",
                "asset_symbol": "USD",
                "payee": "render.example",
            }
            keyed = {"Idempotency_Key": "k-1"}
            by_http = (await in_thread(lambda: acme.ada.post("transactions", body, **keyed))).ok(201)
            assert by_http.body == first["transaction"]
            assert by_http.headers["Idempotent-Replayed"] == "true"
            other = {"Idempotency_Key": "k-2"}
            second = (await in_thread(lambda: acme.ada.post("transactions", body, **other))).ok(201)
            assert (await ada.spend(claim, "0.04", key="k-2"))["transaction"] == second.body
            reused = await ada.spend(claim, "0.05", key="k-1")
            assert (reused["kind"], reused["code"]) == ("error", "idempotency_key_reused")
            for odd in ("", "é", "k" * 201, "a\nb"):
                assert (await ada.spend(claim, "0.05", key=odd))["code"] == "invalid_idempotency_key", odd
            assert (await ada.spend(claim, "0.05", key=7))["errors"][0]["field"] == "key"

    run(main)
    assert len(rows(acme)) == 2
    check_books(acme)


def test_every_kind_of_answer_is_kept_for_its_key(acme: Stage) -> None:
    acme.budget(day_usd="3", approval_threshold_usd="1")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            token = {"lease_token": claim["lease_token"]}
            denied = await ada.spend(claim, "9", key="denied")
            held = await ada.spend(claim, "0.5", key="held")
            about = {"transaction": held["transaction"]["id"], "key": "captured", **token}
            captured = await ada.ask("capture", **about)
            review = await ada.spend(claim, "2", key="review")
            for first, repeated in (
                (denied, await ada.spend(claim, "9", key="denied")),
                (held, await ada.spend(claim, "0.5", key="held")),
                (captured, await ada.ask("capture", **about)),
                (review, await ada.spend(claim, "2", key="review")),
            ):
                assert {**repeated, "ref": ""} == {**first, "ref": ""}
            refused = await ada.spend(claim, "0.5", key="refused")
            assert refused["code"] == "stale_lease"

    run(main)
    assert len(rows(acme)) == 3
    with acme.bound():
        assert Answer.objects.count() == 4


def test_spends_that_come_together_share_a_transaction_and_nothing_else(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.budget(day_usd="1.00")
    batches: list[int] = []
    together = flow._together

    def counted(tenant_id: Any, asked: Any) -> Any:
        batches.append(len(asked))
        return together(tenant_id, asked)

    monkeypatch.setattr(flow, "_together", counted)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            claims = await at_work(acme, ada, 8)
            bad = claims[3] | {"lease_token": "0190a000-0000-7000-8000-000000000000"}
            spends = [
                {"kind": "spend", "ref": n, "task": c["task"]["id"], "lease_token": c["lease_token"]}
                | {"amount_usd": "0.15", "asset_symbol": "USD" if n != 5 else "DOGE"}
                for n, c in enumerate([*claims[:3], bad, *claims[4:]])
            ]
            same = {"key": "twice"}
            ada.say(*spends, spends[0] | {"ref": "x"} | same, spends[0] | {"ref": "y"} | same)
            said = {ref: (await ada.answer(ref)) for ref in (*range(8), "x", "y")}
            assert said[3]["code"] == "stale_lease"
            assert said[5]["code"] == "unknown_asset"
            assert said["x"]["transaction"] == said["y"]["transaction"]
            assert [said[n]["status"] for n in (0, 1, 2, 4, 6, 7)] == ["held"] * 6
            assert said["x"]["status"] == "denied"

    run(main)
    assert sum(batches) == 10
    assert len(batches) <= 3
    held = [row for row in rows(acme) if row.status == "held"]
    assert sum((row.amount_usd for row in held), Decimal(0)) == Decimal("0.90")
    check_books(acme)


def test_after_a_fault_each_goes_alone(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.budget(day_usd="1.00")
    lock, tries = flow._lock, list[int]()

    def deadlocks_once(asked: Any) -> None:
        tries.append(len(asked))
        if len(asked) > 1:
            raise OperationalError("deadlock detected") from DeadlockDetected()
        lock(asked)

    monkeypatch.setattr(flow, "_lock", deadlocks_once)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            claims = await at_work(acme, ada, 4)
            ada.say(
                *(
                    {"kind": "spend", "ref": n, "task": c["task"]["id"], "lease_token": c["lease_token"]}
                    | {"amount_usd": "0.30", "asset_symbol": "USD", "key": f"k{n}"}
                    for n, c in enumerate(claims)
                )
            )
            assert [(await ada.answer(n))["status"] for n in range(4)] == ["held", "held", "held", "denied"]

    run(main)
    assert sorted(tries)[-1] > 1
    check_books(acme)


@pytest.mark.parametrize(
    ("change", "field", "code", "field_code"),
    [
        ({"amount_usd": 0.04}, "amount_usd", "invalid_money", "invalid_money"),
        ({"amount_usd": "0.04 USD"}, "amount_usd", "invalid_money", "invalid_money"),
        ({"amount_usd": "1e-2"}, "amount_usd", "invalid_money", "invalid_money"),
        ({"amount_usd": "0.0000001"}, "amount_usd", "invalid_money", "invalid_money"),
        ({"amount_usd": "NaN"}, "amount_usd", "invalid_money", "invalid_money"),
        ({"amount_usd": "-1"}, "amount_usd", "invalid", "negative"),
        ({"amount_usd": "0.00"}, "amount_usd", "invalid", "not_positive"),
        ({"amount_usd": "2000000000"}, "amount_usd", "invalid", "too_much"),
        ({"amount_usd": None}, "amount_usd", "invalid", "null"),
        ({"asset_symbol": ""}, "asset_symbol", "invalid", "blank"),
        ({"asset_symbol": "DOGE"}, "asset_symbol", "unknown_asset", "unknown_asset"),
        ({"payee": "p" * 201}, "payee", "invalid", "max_length"),
        ({"payee": None}, "payee", "invalid", "null"),
        ({"purpose": "p" * 201}, "purpose", "invalid", "max_length"),
        ({"metadata": {"a": "b" * 17_000}}, "metadata", "too_large", "too_large"),
        ({"tip": "1"}, "tip", "unknown_field", "unknown_field"),
    ],
)
def test_both_doors_refuse_a_spend_alike(
    acme: Stage, change: dict[str, Any], field: str, code: str, field_code: str
) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            for said in (
                await ada.spend(claim, "0.04", **change),
                (await in_thread(lambda: acme.ada.spend(claim, "0.04", **change))).body,
            ):
                assert (said["code"], [(e["field"], e["code"]) for e in said["errors"]]) == (
                    code,
                    [(field, field_code)],
                )

    run(main)
    assert rows(acme) == []


def test_only_workers_spend_at_both_doors(acme: Stage) -> None:
    assert door.Transactions.allow["POST"] == door.TransactionVoid.allow["POST"] - PEOPLE == SPENDERS
    acme.task(acme.session(), role="planner")

    async def main() -> None:
        async with AtSocket(acme.pia) as pia:
            await pia.ready(1)
            (claim,) = await pia.tasks(1)
            said = await pia.spend(claim, "0.04")
            assert (said["kind"], said["code"]) == ("error", "role")
            (await in_thread(lambda: acme.pia.spend(claim, "0.04"))).refused(403, "role")

    run(main)


def test_another_tenants_transaction_does_not_exist(acme: Stage, zenith: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(zenith.ada) as stranger:
            (claim,) = await at_work(acme, ada)
            held = await ada.spend(claim, "0.04")
            about = {"transaction": held["transaction"]["id"], "lease_token": claim["lease_token"]}
            assert (await stranger.ask("capture", **about))["code"] == "not_found"
            assert (await stranger.spend(claim, "0.04"))["code"] == "not_found"
            async with AtSocket(acme.bob) as bob:
                assert (await bob.ask("void", **about))["code"] == "stale_lease"

    run(main)


def test_a_spend_with_a_key_meets_what_was_decided_before(acme: Stage) -> None:
    """Beside one without, in one frame: the one with a key goes alone."""
    acme.budget(day_usd="10", approval_threshold_usd="2")
    say(acme.rita, digest=digest("3.00", "USD", "render.example", "")).ok(202)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            small, large = await asyncio.gather(
                ada.spend(claim, "1"), ada.spend(claim, "3", correlation_key=KEY, key="once")
            )
            assert (small["kind"], large["status"]) == ("ack", "review")
            await ada.ready(1)
            (again,) = (await ada.tasks(2))[1:]
            assert again["resume"]["decision"] == "approved"
            bought = await ada.spend(again, "3")
            assert (bought["status"], bought["transaction"]["id"]) == ("held", large["transaction"]["id"])
            repeated = await ada.spend(claim, "3", correlation_key=KEY, key="once")
            assert repeated["transaction"] == large["transaction"]

    run(main)
    assert early(acme) == [("used", "")]
    check_books(acme)
