"""The limit of one purchase has no window; still, once the end of its increase is answered, nobody spends above the limit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chimera.flows.end_increases import end_increases
from chimera.flows.spend_together import spend_together
from chimera.kernel import clock
from commerce.actions import deciding, windows
from tests.cast import Stage
from tests.commerce.books import at_work, check_books
from tests.commerce.test_increases import granted, told
from tests.races.test_spend_together import asked
from tests.races.threads import Hold, InBackground, held_after, wait_for_waiters

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Race:
    """A spend of 100, which an increase permitted, is decided and not committed; somebody ends the increase."""

    spending: InBackground
    ending: InBackground
    decided: Hold


@pytest.fixture(params=["alone", "grouped"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["revoked", "expired"])
def race(acme: Stage, monkeypatch: pytest.MonkeyPatch, way: str, request: pytest.FixtureRequest) -> Any:
    with clock.held(NOON):
        budget = acme.budget(per_transaction_usd="1", day_usd="1000")
        increase = granted(acme, budget, "99", "transaction", minutes=1)
        claim = at_work(acme)
        acme.ada.spend(claim, "0.10").ok(201)  # its windows are there
    with clock.held(NOON + 59 * SECOND), held_after(monkeypatch, deciding, "decide") as decided:
        under_way = InBackground(_spend(acme, claim, way))
        decided.wait_reached()
        if request.param == "revoked":
            ending = InBackground(lambda: acme.fay.post(f"increases/{increase['id']}/revoke").ok())
            yield Race(under_way, ending, decided)
        else:
            with clock.held(NOON + 60 * SECOND):
                yield Race(under_way, InBackground(end_increases), decided)
        assert told(acme, budget) == ["created", "raised", "raise_ended"]
    check_books(acme)


def _spend(acme: Stage, claim: dict[str, Any], way: str) -> Callable[[], int]:
    if way == "alone":
        return lambda: acme.ada.spend(claim, "100").status

    def grouped() -> int:
        (one,) = spend_together(acme.tenant_id, [asked((acme.ada, claim), "100")])
        assert one is not None
        return one.status

    return grouped


def test_a_spend_under_way_passes_before_the_end_of_the_increase_is_answered(race: Race) -> None:
    wait_for_waiters(asking="commerce_spendwindow")
    assert race.ending.is_alive()
    race.decided.release()
    assert race.spending.answer() == 201
    assert not isinstance(race.ending.answer(), Exception)


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "lock", lambda window_ids: None)


def test_control_without_the_locks_it_passes_after_that(unlocked: None, race: Race) -> None:
    assert not isinstance(race.ending.answer(), Exception)
    race.decided.release()
    assert race.spending.answer() == 201
