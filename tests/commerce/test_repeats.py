"""Calls about money that come again with their key, over either door: the first answer byte for byte, and nothing done twice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from commerce.models import Transaction, Transition
from tests.cast import Caller, Said, Stage
from tests.commerce.books import at_work, check_books
from tests.live.watching import run, until
from tests.swarm.at_socket import AtSocket

Fields = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """`kind` and what it says; `other` is what it says when the key is used for something else."""

    status: int
    kind: str
    said: Fields
    other: Fields


@pytest.fixture
def calls(acme: Stage) -> Iterator[dict[str, Call]]:
    """One of each kind of answer, all with keys that nobody has used yet."""
    acme.budget(day_usd="100", approval_threshold_usd="50")
    claim, other = at_work(acme), at_work(acme)
    held, given_back = acme.ada.spend(claim, "4").ok(201)["id"], acme.ada.spend(claim, "5").ok(201)["id"]
    lease = {"lease_token": claim["lease_token"]}
    spend = lease | {"task": claim["task"]["id"], "asset_symbol": "USD", "purpose": "a picture of the ferry"}
    review = spend | {"task": other["task"]["id"], "lease_token": other["lease_token"], "amount_usd": "60"}
    capture, void = lease | {"transaction": held}, lease | {"transaction": given_back}
    yield {
        "held": Call(201, "spend", spend | {"amount_usd": "1"}, {"amount_usd": "2"}),
        "review": Call(202, "spend", review, {"purpose": "another picture"}),
        "denied": Call(402, "spend", spend | {"amount_usd": "1000"}, {"amount_usd": "1"}),
        "capture": Call(200, "capture", capture | {"amount_usd": "3"}, {"amount_usd": "2"}),
        "void": Call(200, "void", void | {"reason": "not needed"}, {"reason": "not wanted"}),
    }
    check_books(acme)


KINDS = pytest.mark.parametrize("kind", ["held", "review", "denied", "capture", "void"])


def path_and_body(call: Call, **change: Any) -> tuple[str, Fields]:
    body = call.said | change
    if call.kind == "spend":
        return "transactions", body
    return f"transactions/{body.pop('transaction')}/{call.kind}", body


def over_http(who: Caller, call: Call, **change: Any) -> Any:
    """Django's response, whose bytes are looked at."""
    path, body = path_and_body(call, **change)
    headers = {"Authorization": f"Bearer {who.secret}", "Idempotency-Key": "the-key"}
    return who.client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)


def over_socket(who: Caller, call: Call, *changes: Fields) -> list[str]:
    """The frames that answered it, one for each time it was said on a connection of its own, with the same `ref`."""
    frames: list[str] = []

    async def once(change: Fields) -> None:
        async with AtSocket(who) as at:
            at.say({"kind": call.kind, "ref": "again", "key": "the-key"} | call.said | change)
            await until(lambda: bool(at.answers("again")))
            frames.append(at.frames[-1])

    async def main() -> None:
        for change in changes:
            await once(change)

    run(main)
    return frames


def written(stage: Stage) -> tuple[int, int]:
    with stage.bound():
        return Transaction.objects.count(), Transition.objects.count()


@KINDS
def test_over_http_the_first_answer_comes_again_byte_for_byte(acme: Stage, calls: dict[str, Call], kind: str) -> None:
    first = over_http(acme.ada, calls[kind])
    assert first.status_code == calls[kind].status
    assert "Idempotent-Replayed" not in first.headers
    rows = written(acme)
    for _ in range(2):
        again = over_http(acme.ada, calls[kind])
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
        assert again.headers["Idempotent-Replayed"] == "true"
    assert written(acme) == rows


@KINDS
def test_over_the_socket_the_first_answer_comes_again_byte_for_byte(
    acme: Stage, calls: dict[str, Call], kind: str
) -> None:
    (first,) = over_socket(acme.ada, calls[kind], {})
    assert json.loads(first)["kind"] == "ack"
    rows = written(acme)
    assert over_socket(acme.ada, calls[kind], {}, {}) == [first, first]
    assert written(acme) == rows


def told_by(frame: str) -> Any:
    return json.loads(frame)["transaction"]


@KINDS
def test_what_was_asked_at_one_door_is_answered_alike_at_the_other(
    acme: Stage, calls: dict[str, Call], kind: str
) -> None:
    first = over_http(acme.ada, calls[kind])
    rows = written(acme)
    (frame,) = over_socket(acme.ada, calls[kind], {})
    body = json.loads(first.content)
    assert told_by(frame) == (body["transaction"] if kind == "denied" else body)
    assert written(acme) == rows


@KINDS
def test_the_same_key_for_something_else_is_refused_at_both_doors(
    acme: Stage, calls: dict[str, Call], kind: str
) -> None:
    over_http(acme.ada, calls[kind])
    rows = written(acme)
    refused = over_http(acme.ada, calls[kind], **calls[kind].other)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    (frame,) = over_socket(acme.ada, calls[kind], calls[kind].other)
    assert json.loads(frame)["code"] == "idempotency_key_reused"
    assert "use a new key" in json.loads(frame)["detail"]
    assert written(acme) == rows


def test_a_kept_answer_outlives_what_became_of_the_hold(acme: Stage, calls: dict[str, Call]) -> None:
    """The answer is that of then: whoever lost it learns what was done, not what is now."""
    first = over_http(acme.ada, calls["held"])
    held = first.json()["id"]
    acme.fay.post(f"transactions/{held}/void", {"reason": "not to be spent"}).ok()
    assert over_http(acme.ada, calls["held"]).content == first.content
    assert acme.ada.get(f"transactions/{held}").ok()["status"] == "voided"


def test_a_void_by_hand_with_its_key_is_answered_again(acme: Stage, calls: dict[str, Call]) -> None:
    path = f"transactions/{calls['capture'].said['transaction']}/void"

    def ask(why: str) -> Said:
        return acme.fay.post(path, {"reason": why}, Idempotency_Key="by-hand")

    first = ask("not to be spent").ok()
    rows = written(acme)
    assert ask("not to be spent").ok().body == first.body
    ask("for another reason").refused(422, "idempotency_key_reused")
    assert written(acme) == rows
