"""What becomes of what a handler returns or raises."""

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from chimera_sdk import Away, BudgetExceeded, Fatal, ProblemError, Retry
from chimera_sdk.backoff import Backoff
from chimera_sdk.encoding import amount_text
from chimera_sdk.outcome import FRAMES_MAX, encoded, failed, of_answer, of_exception, succeeded
from chimera_sdk.threads import Ended
from chimera_sdk.work import Work
from speaking import claim


def deep(levels: int) -> None:
    if levels:
        deep(levels - 1)
    raise ValueError("x" * 10_000)


def raised(what) -> dict:
    try:
        what()
    except BaseException as error:
        return of_exception(error).fields["error"]
    raise AssertionError


def test_a_traceback_is_bounded_in_frames_and_bytes():
    error = raised(lambda: deep(50))
    assert error["code"] == "ValueError"
    assert error["message"].count(" in deep") == FRAMES_MAX
    assert len(error["message"]) <= 4000
    assert sys.prefix not in error["message"]


@pytest.mark.parametrize(
    ("exc", "code", "retryable"),
    [
        (Fatal("no"), "fatal", False), (Retry("later", code="busy_harbour"), "busy_harbour", True), (Away("away"), "chimera_away", True),
        (BudgetExceeded(402, {"code": "over_day_limit"}), "over_day_limit", False), (ProblemError(422, {"code": "invalid"}), "invalid", False),
        (ProblemError(409, {"code": "lock_held"}), "lock_held", True), (ProblemError(500, {}), "http_500", True),
        (TimeoutError(), "TimeoutError", True), (Ended(SystemExit(1)), "SystemExit", True), (SystemExit(1), "SystemExit", True),
    ],
)  # fmt: skip
def test_exceptions_say_whether_another_attempt_makes_sense(exc, code, retryable):
    error = of_exception(exc).fields["error"]
    assert (error["code"], error["retryable"]) == (code, retryable)


def test_another_attempt_may_be_asked_to_wait():
    error = of_exception(Retry("later", after_seconds=30)).fields["error"]
    assert error == {"code": "retry", "message": "later", "retryable": True, "retry_after_seconds": 30}


def test_what_no_database_takes_is_left_out():
    error = failed("a\x00b\ud800c", code="  ", retryable=False).fields["error"]
    assert (error["message"], error["code"]) == ("ab?c", "failed")


def test_a_handler_may_return_a_dict_or_nothing():
    assert of_answer({"n": 1}, []).fields == {"status": "succeeded", "output_payload": {"n": 1}}
    assert of_answer(None, [{"type": "t", "uri": "u"}]).fields["artifacts"] == [{"type": "t", "uri": "u"}]
    with pytest.raises(TypeError, match="not str"):
        of_answer("text", [])


def test_a_success_that_says_no_confidence_has_that_of_its_handler():
    def told(answer):
        return of_answer(answer, [], confidence=0.95).fields.get("confidence_score")

    assert told({"n": 1}) == told(None) == told(succeeded({"n": 1})) == 0.95
    assert told(succeeded({"n": 1}, confidence=0.2)) == 0.2
    assert told(failed("no", code="no", retryable=False)) is None


def test_times_ids_and_decimals_may_stand_in_an_output():
    at, id = datetime(2026, 11, 21, 10, tzinfo=UTC), UUID(int=7)
    said = encoded(Work(claim(1)), of_answer({"at": at, "on": at.date(), "id": id, "price": Decimal("0.10")}, []))
    assert json.loads(said)["output_payload"] == {
        "at": "2026-11-21T10:00:00+00:00", "on": "2026-11-21", "id": str(id), "price": "0.10",
    }  # fmt: skip
    for odd in (at.replace(tzinfo=None), object(), {1, 2}):
        with pytest.raises(TypeError, match=r"no time zone|is no JSON"):
            encoded(Work(claim(1)), of_answer({"odd": odd}, []))


def test_an_encoded_result_is_plain_ascii():
    said = encoded(Work(claim(1)), of_answer({"who": "Zoë"}, []))
    assert said.isascii()
    assert json.loads(said)["output_payload"] == {"who": "Zoë"}


@pytest.mark.parametrize("amount", [0.04, True])
def test_money_is_never_a_float(amount):
    with pytest.raises(TypeError, match="decimal string"):
        amount_text(amount)


def test_pauses_grow_within_their_bound_and_begin_anew():
    pauses = Backoff(first_seconds=1, most_seconds=8)
    for bound in (1, 2, 4, 8, 8, 8):
        assert 0 <= pauses.next() <= bound
    pauses.reset()
    assert pauses.next() <= 1


def test_a_result_says_the_key_under_which_it_may_be_decided_already():
    assert succeeded({}, correlation_key="order 17").fields["correlation_key"] == "order 17"
    assert "correlation_key" not in succeeded({}).fields
