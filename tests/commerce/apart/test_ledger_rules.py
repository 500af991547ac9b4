"""The database keeps the ledger: raw SQL cannot bend it, in the application's role and in the owner's."""

import pytest

from chimera.kernel import clock
from chimera.kernel.ids import uuid7
from commerce.models import SpendWindow, Transaction, Transition
from commerce.states import MONEY, MONEY_OPEN, MoneyStatus
from tests.cast import Stage
from tests.commerce.books import history
from tests.commerce.ledger import FITTING, Attempt, as_application, as_owner, every

ASKED = [
    "amount_usd = amount_usd + 1",
    "amount_usd = amount_usd - 1",
    "task_id = gen_random_uuid()",
    "session_id = gen_random_uuid()",
    "agent_id = gen_random_uuid()",
    "asset_symbol = 'GOLD'",
    "payee = 'somebody else'",
    "category = 'another'",
    "purpose = 'another'",
    "metadata = '{\"note\": 1}'",
    "windows = '{}'",
    "budgets = '{}'",
    "created_at = now() - interval '1 day'",
    "approval_key = 'another'",
]
SAME_TENANT = {f"commerce_transaction_{clock.now():%Y_%m}_same_tenant"}  # it names the partition


@every
def test_the_status_moves_along_the_machines_edges_alone(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    """Every pair of states: what the machine knows passes, from an open state the rest is no edge, and what ended stands."""
    for source in MoneyStatus:
        for target in set(MoneyStatus) - {source}:
            sql = f"UPDATE commerce_transaction SET version = version + 1, status = '{target}', {FITTING[target]} WHERE id = %s"
            expected = (
                "" if MONEY.can(source, target) else "transaction_edge" if source in MONEY_OPEN else "transaction_ended"
            )
            assert attempt(acme, sql, ledger[source]) == expected, f"{source} → {target}"


@every
def test_what_has_ended_never_changes(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    for name in set(ledger) - {"held", "review"}:
        for change in ("review = gen_random_uuid()", "approved_by_review = gen_random_uuid()", "changed_by = 'nobody'"):
            sql = f"UPDATE commerce_transaction SET version = version + 1, {change} WHERE id = %s"
            assert attempt(acme, sql, ledger[name]) == "transaction_ended", (name, change)


def test_what_was_asked_for_stands_for_the_owner_too(acme: Stage, ledger: dict[str, str]) -> None:
    for change in ASKED:
        sql = f"UPDATE commerce_transaction SET version = version + 1, {change} WHERE id = %s"
        assert as_owner(acme, sql, ledger["held"]) in {"transaction_stands", *SAME_TENANT}, change
        # An amount may be written, because a metered hold grows; the trigger stands before that of any other.
        refused = "transaction_stands" if change.startswith("amount_usd") else "denied"
        assert as_application(acme, sql, ledger["held"]) == refused, change


@every
def test_a_change_is_the_next_version_and_no_other(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    for version in ("version", "version + 2", "version - 1"):
        sql = f"UPDATE commerce_transaction SET version = {version}, changed_by = 'nobody' WHERE id = %s"
        assert attempt(acme, sql, ledger["held"]) == "transaction_version", version


@every
def test_a_capture_stays_within_its_hold(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    sql = f"UPDATE commerce_transaction SET version = 2, status = 'captured', {FITTING['captured']}, captured_usd = %s WHERE id = %s"
    sql = sql.replace("captured_usd = amount_usd, ", "")
    assert attempt(acme, sql, "3.000001", ledger["held"]) == "transaction_captured_within_hold"
    assert attempt(acme, sql, "3", ledger["held"]) == ""


@every
def test_a_transaction_is_neither_deleted_nor_born_settled(
    acme: Stage, ledger: dict[str, str], attempt: Attempt
) -> None:
    refused = "denied" if attempt is not as_owner else "transaction_stands"
    assert attempt(acme, "DELETE FROM commerce_transaction WHERE id = %s", ledger["held"]) == refused
    for name in ("captured", "voided", "expired"):
        assert attempt(acme, copied(version="1"), uuid7(), ledger[name]) == "transaction_start", name
    assert attempt(acme, copied(version="2"), uuid7(), ledger["held"]) == "transaction_start"
    assert attempt(acme, copied(version="1"), uuid7(), ledger["denied"]) == ""


@every
def test_a_hold_without_a_task_is_refused(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    unknown = copied(version="1", task_id="gen_random_uuid()")
    assert attempt(acme, unknown, uuid7(), ledger["held"]) in SAME_TENANT
    missing = attempt(acme, copied(version="1", task_id="NULL"), uuid7(), ledger["held"])
    assert "violates not-null constraint" in missing
    assert attempt(acme, copied(version="1"), uuid7(), ledger["held"]) == ""


def copied(**other: str) -> str:
    """An INSERT of the row with the second parameter's id, under the id of the first."""
    names = [field.column for field in Transaction._meta.concrete_fields]
    values = ["%s" if name == "id" else other.get(name, name) for name in names]
    return f"INSERT INTO commerce_transaction ({', '.join(names)}) SELECT {', '.join(values)} FROM commerce_transaction WHERE id = %s"


@every
def test_a_window_never_counts_more_than_its_limit(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    """65 of 100: 60 in review, 3 held, 2 captured."""
    for change in (
        "held_usd = held_usd + 35.000001",
        "captured_usd = captured_usd + 35.000001",
        "held_usd = 99, captured_usd = 2",
    ):
        assert attempt(acme, f"UPDATE commerce_spendwindow SET {change} WHERE kind = 'day'") == "window_within_limit", (
            change
        )
    for change in ("held_usd = held_usd + 35", "held_usd = held_usd - 1, captured_usd = captured_usd + 36"):
        assert attempt(acme, f"UPDATE commerce_spendwindow SET {change} WHERE kind = 'day'") == "", change
    for change in ("held_usd = held_usd - 64", "captured_usd = captured_usd - 3"):
        assert attempt(acme, f"UPDATE commerce_spendwindow SET {change} WHERE kind = 'day'") == "window_amounts", change
    assert attempt(acme, "UPDATE commerce_spendwindow SET held_usd = held_usd + 1000 WHERE kind = 'total'") == ""


@every
def test_a_window_does_not_begin_above_its_limit(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    names = [field.column for field in SpendWindow._meta.concrete_fields]
    other = {
        "id": "gen_random_uuid()",
        "starts_on": "starts_on + 1",
        "limit_usd": "100",
        "held_usd": "%s",
        "captured_usd": "0",
    }
    values = ", ".join(other.get(name, name) for name in names)
    begun = f"INSERT INTO commerce_spendwindow ({', '.join(names)}) SELECT {values} FROM commerce_spendwindow WHERE kind = 'day'"
    assert attempt(acme, begun, "100.000001") == "window_within_limit"
    assert attempt(acme, begun, "100") == ""
    assert attempt(acme, begun.replace("100", "1000"), "5") == "window_limit_of_budget"


@every
def test_a_window_permits_what_its_budget_does(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    for change in (
        "limit_usd = NULL",
        "limit_usd = limit_usd + 1",
        "limit_usd = 99",
        "limit_usd = 105, limit_until = now()",
    ):
        refused = attempt(acme, f"UPDATE commerce_spendwindow SET {change} WHERE kind = 'day'")
        assert refused == "window_limit_of_budget", change


@every
def test_what_was_captured_is_never_counted_less_and_windows_stay(
    acme: Stage, ledger: dict[str, str], attempt: Attempt
) -> None:
    for sql in (
        "UPDATE commerce_spendwindow SET captured_usd = 0 WHERE captured_usd > 0",
        "DELETE FROM commerce_spendwindow",
    ):
        assert attempt(acme, sql) in {"window_stands", "denied"}, sql


@every
@pytest.mark.parametrize(
    "change",
    [
        "starts_on = '2020-01-01'",
        "starts_at = starts_at - interval '1 day'",
        "ends_at = ends_at + interval '1 day'",
        "kind = 'month'",
        "id = gen_random_uuid()",
        "budget_id = gen_random_uuid()",
        "tenant_id = gen_random_uuid()",
    ],
)
def test_a_window_does_not_become_another(acme: Stage, ledger: dict[str, str], attempt: Attempt, change: str) -> None:
    """Its budget would begin again, with all of its limit."""
    refused = "window_stands" if attempt is as_owner else "denied"
    assert attempt(acme, f"UPDATE commerce_spendwindow SET {change} WHERE kind = 'day'") == refused


def test_nothing_of_the_ledger_is_emptied(acme: Stage, ledger: dict[str, str]) -> None:
    for table, refused in (("spendwindow", "window"), ("transaction", "transaction"), ("budgetrules", "rules")):
        assert as_owner(acme, f"TRUNCATE commerce_{table} CASCADE") == f"{refused}_stands", table


@every
def test_transitions_are_written_by_nobody(acme: Stage, ledger: dict[str, str], attempt: Attempt) -> None:
    refused = "denied" if attempt is not as_owner else "transition_stands"
    again = (
        "INSERT INTO commerce_transition SELECT tenant_id, version + 7, from_status, to_status, held_usd, captured_usd, keeper, actor,"
        " login, at, transaction_id FROM commerce_transition LIMIT 1"
    )
    assert attempt(acme, again) == refused
    for column in ("actor", "version", "held_usd", "at"):
        assert attempt(acme, f"UPDATE commerce_transition SET {column} = {column}") == refused
    assert attempt(acme, "DELETE FROM commerce_transition") == refused
    assert attempt(acme, "TRUNCATE commerce_transition") == refused


def test_what_was_rolled_back_was_no_transition(acme: Stage, ledger: dict[str, str]) -> None:
    before = len(history(acme, ledger["held"]))
    sql = f"UPDATE commerce_transaction SET version = 2, status = 'voided', {FITTING['voided']} WHERE id = %s"
    assert as_application(acme, sql, ledger["held"]) == ""
    assert len(history(acme, ledger["held"])) == before


def test_another_tenant_sees_no_transition(acme: Stage, zenith: Stage, ledger: dict[str, str]) -> None:
    with zenith.bound():
        assert Transition.objects.count() == 0
    with acme.bound():
        assert Transition.objects.count() > len(ledger)
