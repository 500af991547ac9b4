"""Bad input about money, over HTTP and over the socket: one table. Each is a clear error, and nothing is written but the row of
a refusal where it is one. So all that begin with the same scene share it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from django.db.models import Sum

from chimera.kernel import tenancy
from chimera.kernel.eventlog import Event
from chimera.kernel.idempotency import Answer
from commerce.models import BudgetConfig, SpendWindow, Transaction, Transition
from safety.models import ReviewCard
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.commerce import ground as before
from tests.commerce.books import at_work, check_books
from tests.commerce.ground import Fields, Ground
from tests.kernel.world import tomorrow
from tests.lanes import settle
from tests.live.watching import run, until
from tests.swarm.at_socket import AtSocket

KEPT = (Transaction, Transition, SpendWindow, BudgetConfig, ReviewCard, Event, Answer, Task)
REFUSAL_ROW = {Transaction: 1, Transition: 1, Event: 1}
LONG = "x" * 10_000
GONE = object()


# ------------------------------------------------------------------ the doors


@dataclass(frozen=True)
class Told:
    """What a door answered; the socket has no status. `denied` is a refusal that is a row."""

    code: str
    detail: str
    errors: list[tuple[str, str]]
    denied: bool = False
    status: int | None = None


class Door(Protocol):
    def __call__(self, who: Caller, kind: str, said: Fields) -> Told: ...


def over_http(who: Caller, kind: str, said: Fields) -> Told:
    fields = dict(said)
    path = "transactions" if kind == "spend" else f"transactions/{fields.pop('transaction')}/{kind}"
    answer = who.post(path, fields)
    assert answer.headers["Content-Type"] == "application/problem+json", answer.body
    return _told(answer.body, answer.status == 402, answer.status)


def over_socket(who: Caller, kind: str, said: Fields) -> Told:
    heard: list[dict[str, Any]] = []

    async def main() -> None:
        async with AtSocket(who) as at:
            heard.append(await at.ask(kind, **said))

    run(main)
    (answer,) = heard
    denied = answer.get("status") == "denied"
    assert answer["kind"] == ("ack" if denied else "error"), answer
    return _told(answer["denied"] if denied else answer, denied, None)


def _told(body: dict[str, Any], denied: bool, status: int | None) -> Told:
    errors = [(e["field"], e["code"]) for e in body.get("errors", [])]
    return Told(body["code"], body["detail"], errors, denied, status)


doors = pytest.mark.parametrize("door", [over_http, over_socket], ids=["http", "socket"])


# ------------------------------------------------------------------ the scene


@pytest.fixture
def ground(acme: Stage, zenith: Stage) -> Ground:
    budget = acme.budget(day_usd="10")
    claim = at_work(acme)
    held = acme.ada.spend(claim, "1").ok(201)["id"]
    return Ground(acme, zenith, claim, held, budget["id"])


def counted() -> dict[type, int]:
    with tenancy.system():
        return {model: model._base_manager.count() for model in KEPT}  # type: ignore[attr-defined]


def sums(ground: Ground) -> dict[str, Any]:
    with ground.acme.bound():
        return SpendWindow.objects.aggregate(held=Sum("held_usd"), captured=Sum("captured_usd"))


# ------------------------------------------------------------------ the table


@dataclass(frozen=True)
class Bad:
    """`said` beside the good fields, `code` of the refusal, `faults` of its fields, and words a person can act on."""

    name: str
    kind: str
    said: Fields
    status: int
    code: str
    words: str
    faults: tuple[tuple[str, str], ...] = ()
    scene: Callable[[Ground], None] = before.as_it_is


def no_amount(name: str, amount: Any, fault: str, words: str) -> list[Bad]:
    code = "invalid_money" if fault == "invalid_money" else "invalid"
    return [
        Bad(f"{kind}: {name}", kind, {"amount_usd": amount}, 422, code, words, (("amount_usd", fault),))
        for kind in ("spend", "capture")
    ]


def field_of(kind: str, name: str, value: Any, fault: str, words: str, code: str = "invalid") -> Bad:
    return Bad(f"{kind}: {name}", kind, {name.split()[0]: value}, 422, code, words, ((name.split()[0], fault),))


def of_each(name: str, scene: Callable[[Ground], None], status: int, code: str, words: str) -> list[Bad]:
    return [Bad(f"{kind}: {name}", kind, {}, status, code, words, (), scene) for kind in ("spend", "capture", "void")]


STRING = "as a string with at most six decimals"
TABLE = [
    *no_amount("zero", "0", "not_positive", "Must be more than zero"),
    *no_amount("negative", "-1", "negative", "Must not be negative"),
    *no_amount("NaN", "NaN", "invalid_money", STRING),
    *no_amount("Infinity", "Infinity", "invalid_money", STRING),
    *no_amount("1e400", "1e400", "invalid_money", STRING),
    *no_amount("more than six decimals", "0.0000001", "invalid_money", STRING),
    *no_amount("a JSON float", 0.5, "invalid_money", STRING),
    *no_amount("a JSON integer", 1, "invalid_money", STRING),
    *no_amount("10 kB", "1" * 10_000, "invalid_money", STRING),
    *no_amount("words", "ten", "invalid_money", STRING),
    *no_amount("a billion", "1000000001", "too_much", "that is a typing error"),
    Bad("spend: no amount", "spend", {"amount_usd": GONE}, 422, "invalid", "required", (("amount_usd", "required"),)),
    field_of("spend", "amount_usd null", None, "null", "may not be null"),
    field_of("spend", "asset_symbol unknown", "DOGE", "unknown_asset", "must be one of", "unknown_asset"),
    field_of("spend", "asset_symbol 10 kB", LONG, "max_length", "no more than 16 characters"),
    field_of("spend", "payee 10 kB", LONG, "max_length", "no more than 200 characters"),
    field_of("spend", "category 10 kB", LONG, "max_length", "no more than 80 characters"),
    field_of("spend", "purpose 10 kB", LONG, "max_length", "no more than 200 characters"),
    field_of("spend", "purpose NUL", "a\x00b", "null_characters_not_allowed", "Null characters"),
    field_of("spend", "purpose half", "\ud800", "invalid", "half of a surrogate pair"),
    field_of("spend", "purpose number", 7, "invalid", "Not a valid string"),
    field_of("spend", "metadata 20 kB", {"a": LONG, "b": LONG}, "too_large", "keep files elsewhere", "too_large"),
    field_of("void", "reason 10 kB", LONG, "max_length", "no more than 500 characters"),
    *(field_of(kind, "tip", "1", "unknown_field", "the fields are:", "unknown_field") for kind in ("spend", "capture", "void")),
    *(field_of(kind, "lease_token", "mine", "invalid", "valid UUID") for kind in ("spend", "capture", "void")),
    # another lease, another state of the task
    *of_each("stale lease", before.claimed_by_the_next, 409, "stale_lease", "claim again"),
    *of_each("a task given back", before.given_back, 409, "stale_lease", "claim again"),
    *of_each("a blocked task", before.blocked, 409, "stale_lease", "claim again"),
    *of_each("a completed task", before.finished, 409, "stale_lease", "claim again"),
    *of_each("a stopped session", before.stopped, 409, "stale_lease", "drop the work"),
    *of_each("another agent", before.by_another_agent, 409, "stale_lease", "claim again"),
    Bad("spend: a pending task", "spend", {}, 409, "stale_lease", "claim again", (), before.pending),
    # what does not exist, or not for us
    *of_each("another tenant's", before.of_another_tenant, 404, "not_found", "belongs to your tenant"),
    *of_each("nobody's", before.of_nobody, 404, "not_found", "check its id"),
    # ends that are ends
    Bad("capture: above the hold", "capture", {"amount_usd": "1.000001"}, 422, "capture_above_hold", "at most the hold of 1.00", (("amount_usd", "capture_above_hold"),)),
    Bad("capture: another amount", "capture", {"amount_usd": "0.40"}, 409, "already_captured", "Authorise the rest anew", (), before.captured),
    Bad("capture: all, after a part", "capture", {}, 409, "already_captured", "captured with 0.50 already", (), before.captured),
    Bad("capture: after a void", "capture", {}, 409, "transaction_voided", "authorise anew", (), before.voided),
    Bad("void: after a capture", "void", {}, 409, "transaction_captured", "captured with 0.50 USD", (), before.captured),
    # refusals that are rows
    Bad("spend: an inactive budget", "spend", {}, 402, "budget_inactive", "switched off; ask finance", (), before.switched_off),
    Bad("spend: another currency", "spend", {}, 402, "currency_mismatch", "kept in EUR, spends are in USD", (), before.in_euros),
    Bad("spend: above the limit", "spend", {"amount_usd": "9.01"}, 402, "budget_exceeded", "has left: 9.00 USD until"),
    Bad("spend: no budget", "spend", {}, 402, "no_budget", "ask finance for one", (), before.without_a_budget),
    Bad("spend: a dry run", "spend", {}, 402, "dry_run", "a dry run never spends", (), before.by_a_dry_run),
]  # fmt: skip


@doors
@pytest.mark.parametrize("scene", list(dict.fromkeys(bad.scene for bad in TABLE)), ids=lambda scene: scene.__name__)
def test_bad_input_is_a_clear_error_and_writes_nothing_but_a_refusal(
    ground: Ground, scene: Callable[[Ground], None], door: Door, subtests: pytest.Subtests
) -> None:
    scene(ground)
    settle()
    for bad in TABLE:
        if bad.scene is scene:
            with subtests.test(bad.name):
                check_refusal(ground, bad, door)
    check_books(ground.acme)


def check_refusal(ground: Ground, bad: Bad, door: Door) -> None:
    said = {name: value for name, value in (ground.fields(bad.kind) | bad.said).items() if value is not GONE}
    rows, money = counted(), sums(ground)
    told = door(ground.who, bad.kind, said)
    assert (told.code, told.errors, told.denied) == (bad.code, list(bad.faults), bad.status == 402), told
    assert told.status in (None, bad.status)
    assert bad.words in told.detail
    written = {model: count - rows[model] for model, count in counted().items() if count != rows[model]}
    assert written == (REFUSAL_ROW if bad.status == 402 else {})
    assert sums(ground) == money


NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 5000]


def test_what_is_no_number_in_json_is_not_read_at_all(ground: Ground, subtests: pytest.Subtests) -> None:
    for number in NUMBERS:
        with subtests.test(number[:10]):
            check_unread(ground, number)


def check_unread(ground: Ground, number: str) -> None:
    raw = json.dumps(ground.fields("spend") | {"amount_usd": "AMOUNT"}).replace('"AMOUNT"', number)
    rows = counted()
    refused = ground.who.post("transactions", raw.encode())
    heard: list[dict[str, Any]] = []

    async def main() -> None:
        async with AtSocket(ground.who) as at:
            at.send('{"kind": "spend", "ref": 1, ' + raw[1:])
            await until(lambda: bool(at.of("error")))
            heard.extend(at.of("error"))

    run(main)
    assert (refused.status, refused["code"]) == (400, "malformed_json")
    assert (heard[0]["code"], heard[0]["detail"]) == ("malformed_json", refused["detail"])
    assert counted() == rows


@doors
@pytest.mark.parametrize("kind", ["capture", "void"])
def test_the_same_once_more_is_the_same_answer_and_writes_nothing(ground: Ground, kind: str, door: Door) -> None:
    said = ground.fields(kind) | ({"amount_usd": "0.50"} if kind == "capture" else {})
    answers: list[Any] = []

    async def main() -> None:
        async with AtSocket(ground.who) as at:
            for _ in range(2):
                answers.append((await at.ask(kind, **said))["transaction"])

    (before.captured if kind == "capture" else before.voided)(ground)
    rows, money = counted(), sums(ground)
    if door is over_socket:
        run(main)
    else:
        body = {name: value for name, value in said.items() if name != "transaction"}
        answers = [ground.who.post(f"transactions/{ground.held}/{kind}", body).ok().body for _ in range(2)]
    assert answers[0] == answers[1] == ground.who.get(f"transactions/{ground.held}").ok().body
    assert (counted(), sums(ground)) == (rows, money)


BUDGETS: list[tuple[str, Fields, str, str]] = [
    ("unknown currency", {"currency": "DOGE"}, "currency", "is not a valid choice"),
    ("a currency of 10 kB", {"currency": LONG}, "currency", "is not a valid choice"),
    ("zero kB", {"day_usd": ""}, "day_usd", STRING),
    ("a negative limit", {"day_usd": "-1"}, "day_usd", "Must not be negative"),
    ("a limit of NaN", {"month_usd": "NaN"}, "month_usd", STRING),
    ("a limit of 1e400", {"total_usd": "1e400"}, "total_usd", STRING),
    ("more than six decimals", {"per_transaction_usd": "0.0000001"}, "per_transaction_usd", STRING),
    ("a JSON float", {"approval_threshold_usd": 0.5}, "approval_threshold_usd", STRING),
    ("an unknown field", {"hour_usd": "1"}, "hour_usd", "the fields are:"),
]


def test_a_bad_budget_is_a_clear_error_and_not_written(acme: Stage, subtests: pytest.Subtests) -> None:
    rows = counted()
    for what, said, name, words in BUDGETS:
        with subtests.test(what):
            answer = acme.fay.post("budgets", {"scope": "tenant"} | said)
            assert (answer.status, [error["field"] for error in answer["errors"]]) == (422, [name])
            assert words in answer["detail"]
            assert counted() == rows


def test_another_tenants_budget_is_neither_read_changed_nor_raised(ground: Ground) -> None:
    rows, path, stranger = counted(), f"budgets/{ground.budget}", ground.zenith.fay
    raised = {"window": "day", "amount_usd": "1", "reason": "more", "expires_at": tomorrow()}
    for answer in (
        stranger.get(path),
        stranger.get(f"{path}/usage"),
        stranger.patch(path, {"day_usd": "1"}),
        stranger.post(f"{path}/increases", raised),
        stranger.put(f"{path}/rules", {"rules": {}}),
        stranger.post(f"transactions/{ground.held}/void", {"reason": "mine now"}),
    ):
        answer.refused(404, "not_found")
    assert counted() == rows
