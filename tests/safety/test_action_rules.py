"""The database keeps actions, whoever asks: they go along their edges, what was decided stands, and money follows the execution."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from chimera.kernel import clock
from safety.models import Action
from safety.states import ACTION, ActionStatus
from tests import cluster
from tests.cast import Stage
from tests.commerce.books import at_work
from tests.safety.acts import execute, propose

DIGEST = "'\\x01'::bytea"
BEGUN = {"token_digest": DIGEST, "executed_at": "now()", "executed_by": "agent_id"}
# What else a row of this status says.
COLUMNS: dict[ActionStatus, dict[str, str]] = {
    ActionStatus.ALLOWED: {"resume_deadline": "now()"},
    ActionStatus.REVIEW: {},
    ActionStatus.DENIED: {"ended_at": "now()"},
    ActionStatus.EXECUTING: BEGUN | {"execution_deadline": "now()"},
    ActionStatus.SUCCEEDED: BEGUN | {"ended_at": "now()"},
    ActionStatus.FAILED: BEGUN | {"ended_at": "now()"},
    ActionStatus.LOST: BEGUN | {"ended_at": "now()"},
    ActionStatus.DEAD: {"ended_at": "now()"},
}
CHANGING = (
    "lease_token",
    "resume_deadline",
    "token_digest",
    "executed_by",
    "executed_at",
    "execution_deadline",
    "ended_at",
)


def become(status: ActionStatus) -> str:
    said = dict.fromkeys(CHANGING, "NULL") | COLUMNS[status]
    columns = ", ".join(f"{name} = {value}" for name, value in said.items())
    return f"UPDATE safety_action SET version = version + 1, status = '{status}', {columns}"


@pytest.fixture
def action(acme: Stage) -> UUID:
    acme.budget(day_usd="20", approval_threshold_usd="2")
    return UUID(propose(acme, at_work(acme), amount_usd="3").ok(201)["id"])


CARD_APPROVED = "UPDATE safety_reviewcard SET status = 'approved', decided_at = now(), decided_by_id = (SELECT min(id) FROM auth_user)"


def by_hand(sql: str) -> None:
    """Without triggers."""
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as everything:
        everything.execute(f"SET session_replication_role = replica; {sql}")


def placed(status: ActionStatus) -> None:
    by_hand(become(status))


def passes(stage: Stage, sql: str, *params: Any) -> bool:
    try:
        with stage.bound(), connection.cursor() as cursor:
            cursor.execute(sql, params)
            transaction.set_rollback(True)
    except (IntegrityError, ProgrammingError):  # the latter: no right to that column
        return False
    return True


@pytest.mark.usefixtures("action")
def test_an_action_goes_along_its_edges_alone(acme: Stage) -> None:
    by_hand(CARD_APPROVED)  # so that an approval may follow it
    wrong = []
    for source in ActionStatus:
        placed(source)
        others = [target for target in ActionStatus if target is not source]
        wrong += [(source, to) for to in others if passes(acme, become(to)) != ACTION.can(source, to)]
    assert wrong == []


@pytest.mark.parametrize("status", ActionStatus)
@pytest.mark.usefixtures("action")
def test_facts_that_come_together_stand_together(acme: Stage, status: ActionStatus) -> None:
    """Without one of the columns that go with its status, or with one that does not, the row is refused."""
    placed(status)
    for name in CHANGING:
        has = name in COLUMNS[status]
        value = (
            "NULL"
            if has
            else DIGEST
            if name == "token_digest"
            else "gen_random_uuid()"
            if name in ("lease_token", "executed_by")
            else "now()"
        )
        assert not passes(acme, f"UPDATE safety_action SET version = version + 1, {name} = {value}"), name


@pytest.mark.parametrize(
    "change",
    [
        "arguments = '{}'",
        "digest = 'x'",
        "original_arguments = '{}'",
        "token_digest = '\\x02'",
        "executed_by = gen_random_uuid()",
        "tool = 'x'",
        "amount_usd = 1",
        "evidence = '[]'",
        "transaction_id = NULL",
        "task_id = gen_random_uuid()",
    ],
)
def test_what_was_asked_and_decided_stands(acme: Stage, action: UUID, change: str) -> None:
    placed(ActionStatus.EXECUTING)
    assert not passes(acme, f"UPDATE safety_action SET version = version + 1, {change}")
    with acme.bound():
        assert Action.objects.get(pk=action).digest_with() == Action.objects.get(pk=action).digest


OTHER = "arguments = '{\"evil\": 1}', digest = repeat('a', 64)"


@pytest.mark.parametrize(
    ("card", "change", "goes"),
    [
        (None, "", False),
        ("edited_payload = '{\"evil\": 1}'", f"{OTHER}, original_arguments = arguments", False),
        (CARD_APPROVED, "", True),
        (CARD_APPROVED, OTHER, False),
        (CARD_APPROVED, f"{OTHER}, original_arguments = arguments", False),
        (CARD_APPROVED, "digest = repeat('a', 64)", False),
        (CARD_APPROVED, "original_arguments = '{}'", False),
        (f"{CARD_APPROVED}, action_id = gen_random_uuid()", "", False),
        (f"{CARD_APPROVED}, edited_payload = '{{\"evil\": 1}}'", "", False),
        (f"{CARD_APPROVED}, edited_payload = '{{\"evil\": 1}}'", OTHER, False),
        (f"{CARD_APPROVED}, edited_payload = '{{\"evil\": 1}}'", f"{OTHER}, original_arguments = arguments", True),
    ],
)
@pytest.mark.usefixtures("action")
def test_only_an_approved_card_lets_an_action_through_and_only_as_it_says(
    acme: Stage, card: str | None, change: str, goes: bool
) -> None:
    if card:
        by_hand(card if card.startswith("UPDATE") else f"UPDATE safety_reviewcard SET {card}")
    said = become(ActionStatus.ALLOWED) + (f", {change}" if change else "")
    assert passes(acme, said) == goes


def test_money_of_an_action_is_captured_out_of_its_execution_alone(acme: Stage) -> None:
    acme.budget(day_usd="20")
    claim = at_work(acme)
    action = propose(acme, claim, amount_usd="3").ok(201)
    capture = """
        UPDATE commerce_transaction SET version = version + 1, status = 'captured', captured_usd = 1, keeper = NULL,
            lease_token = NULL, settled_at = %s WHERE id = %s
    """
    row = UUID(action["transaction"])
    assert not passes(acme, capture, clock.now(), row)
    assert not passes(acme, "UPDATE commerce_transaction SET version = version + 1, action = NULL WHERE id = %s", row)
    execute(acme, claim, action["id"], digest=action["digest"]).ok()
    assert passes(acme, capture, clock.now(), row)
    back = """
        UPDATE commerce_transaction SET version = version + 1, keeper = 'lease', lease_token = gen_random_uuid() WHERE id = %s
    """
    assert not passes(acme, back, row)


def test_a_plain_hold_is_kept_by_no_action(acme: Stage) -> None:
    acme.budget(day_usd="20")
    spend = acme.ada.spend(at_work(acme), "3").ok(201)
    keep = "UPDATE commerce_transaction SET version = version + 1, keeper = 'action', lease_token = NULL WHERE id = %s"
    assert not passes(acme, keep, UUID(spend["id"]))
