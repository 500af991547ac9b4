"""A ledger with one transaction in each status, and attempts to bend it by raw SQL; what is attempted is undone, whatever came of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error, connections, transaction

from chimera.kernel import tenancy
from tests.cast import Stage
from tests.commerce.books import at_work

# What else a row needs in each state, so that nothing but the edge stands in the way.
FITTING = {
    "held": "keeper = 'card', review = gen_random_uuid(), lease_token = NULL, resume_deadline = NULL, settled_at = NULL,"
    " captured_usd = NULL, denied_code = '', denied_reason = ''",
    "review": "keeper = 'card', review = gen_random_uuid(), lease_token = NULL, resume_deadline = NULL, settled_at = NULL,"
    " captured_usd = NULL, denied_code = '', denied_reason = ''",
    "denied": "keeper = NULL, lease_token = NULL, settled_at = now(), captured_usd = NULL, denied_code = 'x', denied_reason = 'x'",
    "captured": "keeper = NULL, lease_token = NULL, settled_at = now(), captured_usd = amount_usd, denied_code = '', denied_reason = ''",
    "voided": "keeper = NULL, lease_token = NULL, settled_at = now(), captured_usd = NULL, denied_code = '', denied_reason = ''",
    "expired": "keeper = NULL, lease_token = NULL, settled_at = now(), captured_usd = NULL, denied_code = '', denied_reason = ''",
}
Attempt = Callable[..., str]


def as_application(acme: Stage, sql: str, *params: Any) -> str:
    """The name of the constraint that refused, '' when nothing did; `denied` when the role may not even ask."""
    with acme.bound():
        return _tried("default", sql, params)


def across(acme: Stage, sql: str, *params: Any) -> str:
    with tenancy.system():
        return _tried("default", sql, params)


def as_owner(acme: Stage, sql: str, *params: Any) -> str:
    with transaction.atomic(using="owner"):
        return _tried("owner", sql, params)


def _tried(alias: str, sql: str, params: Any) -> str:
    try:
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute(sql, params)
            assert cursor.rowcount != 0, "it met no row"
    except Error as error:
        if "permission denied" in str(error):
            return "denied"
        return error.__cause__.diag.constraint_name or str(error)  # type: ignore[union-attr]
    transaction.set_rollback(True, using=alias)
    return ""


every = pytest.mark.parametrize("attempt", [as_application, across, as_owner])


def one_of_each(acme: Stage) -> dict[str, str]:
    """One transaction in each status, by its name."""
    acme.budget(day_usd="100", approval_threshold_usd="50")
    one, two = at_work(acme), at_work(acme)
    made = {name: acme.ada.spend(one, "3").ok(201)["id"] for name in ("held", "captured", "voided", "expired")}
    lease = {"lease_token": one["lease_token"]}
    acme.ada.post(f"transactions/{made['captured']}/capture", lease | {"amount_usd": "2"}).ok()
    acme.ada.post(f"transactions/{made['voided']}/void", lease).ok()
    made["denied"] = acme.ada.spend(one, "1000").refused(402, "budget_exceeded")["transaction"]["id"]
    made["review"] = acme.ada.spend(two, "60").ok(202)["id"]
    change = (
        f"UPDATE commerce_transaction SET status = 'expired', version = version + 1, {FITTING['expired']} WHERE id = %s"
    )
    with acme.bound(), connections["default"].cursor() as cursor:
        cursor.execute(change, [made["expired"]])
        cursor.execute("UPDATE commerce_spendwindow SET held_usd = held_usd - 3")
    return made
