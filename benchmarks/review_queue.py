"""The reviewers' queue and card among many: how long a page takes over HTTP when so many cards wait, and as many were decided.

    python benchmarks/review_queue.py [--cards 100000] [--times 100] [--write]

Starts private servers (durable: fsync on), a web process and a relay. A few cards are made through the API, as agents make them: a result
with memories and money, a spend, an action after changes were asked for. Then each is copied, with its task and facts, until so many wait
and as many are decided, all in one session, which is the worst that a card's history can lie in. A reviewer who is logged in then asks for
pages, one after the other. Prints milliseconds from the request to the last byte; `--write` puts them into docs/benchmarks.md.
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import psycopg

from benchmarks import frame
from benchmarks.lifecycle import House
from benchmarks.swarm.tables import complain, percentile, table, whole

SLICE = 20_000  # copies of one INSERT
WARM = 5  # requests before those that count
TO_BE_REACHED_MS = 300  # p95 of a card's page
PAGE = "/admin/safety/reviewcard/"


def main() -> None:
    words = frame.words(__doc__)
    words.add_argument("--cards", type=int, default=100_000)
    words.add_argument("--times", type=int, default=100)
    frame.run(words, _measured, of="review_queue")


def _measured(asked: frame.Asked, home: Path) -> frame.Found:
    with frame.house(home) as house:
        cards = make(house)
        complain(f"{asked.cards} cards wait, and as many are decided, after {fill(house, asked.cards):.0f} s")
        yield "many cards", _words(asked.cards)
        yield "many cards", measure(house, cards, asked.times)


def _words(cards: int) -> str:
    return f"{whole(cards)} cards wait and {whole(cards)} are decided, in one session of one tenant."


# ---------------------------------------------------------------- a few cards, as agents make them


def make(house: House) -> dict[str, str]:
    """The cards by what they are about."""
    from django.contrib.auth import get_user_model

    from chimera.kernel import tenancy
    from chimera.kernel.actors import SYSTEM
    from chimera.kernel.identity import Role
    from commerce.actions import budgets
    from commerce.states import Currency, Scope
    from safety.actions import policies
    from safety.policies import parse
    from safety.states import PolicyStatus
    from swarm.actions import tenants

    with tenancy.bound(UUID(house.keys["tenant"])):
        user = get_user_model()._default_manager.create_user("rita")  # type: ignore[attr-defined]
        tenants.add_member(user=user, roles={Role.REVIEWER})
        limits = {"day_usd": Decimal(1_000), "month_usd": Decimal(9_000), "approval_threshold_usd": Decimal("0.10")}
        budgets.create(
            scope=Scope.TENANT, scope_id=None, currency=Currency.USD, is_active=True, limits=limits, by=SYSTEM
        )
        rules = parse([{"name": "what we publish", "when": {"tools": ["publish"]}, "then": "review"}])
        policies.create(name="house", rules=rules, note="", status=PolicyStatus.ENFORCED, by=SYSTEM)
    planner, worker = (house.client(house.keys["agents"][role]) for role in ("planner", "worker"))
    with planner, worker:
        for number in range(12):
            said = {"content": f"The ferry calls at berth {number}, quarter past each hour.", "category": "semantic"}
            planner.post("memories", json=said).raise_for_status()
        session = planner.post("sessions", json={"name": "bench"}).raise_for_status().json()["id"]
        return {
            "a result": _result(planner, worker, session),
            "a spend": _spend(planner, worker, session),
            "an action": _action(planner, worker, session),
        }


def _claim(planner: httpx.Client, worker: httpx.Client, session: str, about: str) -> dict[str, Any]:
    task = {"session": session, "type": "write", "description": about, "input_payload": {"topic": about, "limit": 280}}
    planner.post("tasks", json=task).raise_for_status()
    claims = worker.post("claims", json={"max": 1, "wait_seconds": 10}).raise_for_status().json()["claims"]
    claim: dict[str, Any] = {"task": claims[0]["task"]["id"], "lease_token": claims[0]["lease_token"]}
    worker.post("memories/search", json={"query": about, "limit": 10} | claim).raise_for_status()
    return claim


def _result(planner: httpx.Client, worker: httpx.Client, session: str) -> str:
    claim = _claim(planner, worker, session, "Write a post about the ferry")
    worker.post(
        "transactions", json=claim | {"amount_usd": "0.04", "asset_symbol": "USD", "payee": "render.example"}
    ).raise_for_status()
    said = {"lease_token": claim["lease_token"], "status": "succeeded", "confidence_score": 0.8}
    output = {"output_payload": {"text": "The ferry calls at the baths. " * 20}, "reasoning": "It is remembered so."}
    return str(worker.post(f"tasks/{claim['task']}/result", json=said | output).raise_for_status().json()["review"])


def _spend(planner: httpx.Client, worker: httpx.Client, session: str) -> str:
    claim = _claim(planner, worker, session, "Render the poster")
    asked = claim | {"amount_usd": "0.12", "asset_symbol": "USD", "payee": "render.example"}
    return str(worker.post("transactions", json=asked).raise_for_status().json()["review"])


def _action(planner: httpx.Client, worker: httpx.Client, session: str) -> str:
    claim = _claim(planner, worker, session, "Publish the post")
    said = {"lease_token": claim["lease_token"], "tool": "publish", "arguments": {"text": "The baths open. " * 20}}
    answer = worker.post(f"tasks/{claim['task']}/actions", json=said | {"amount_usd": "0.05"})
    return str(answer.raise_for_status().json()["review"])


# ---------------------------------------------------------------- and very many like them


def fill(house: House, number: int) -> float:
    """Copy them, past the triggers, which look after each row by itself; how many seconds it took."""
    began = time.monotonic()
    with psycopg.connect(house.postgres.urls.superuser, autocommit=True) as rows:
        rows.execute("SET session_replication_role = replica")
        rows.execute(_TEMPLATES)
        for decided in (True, False):
            for first in range(1, number + 1, SLICE):
                span = {"first": first, "last": min(first + SLICE - 1, number), "decided": decided}
                rows.execute(_COPY, span)
        rows.execute(
            "VACUUM (ANALYZE) swarm_task, swarm_taskresult, safety_reviewcard, safety_action, commerce_transaction, kernel_event"
        )
        rows.execute("CHECKPOINT")
    return time.monotonic() - began


_TEMPLATES = """
    CREATE TEMP TABLE bench_card AS
        SELECT row_number() OVER (ORDER BY id) - 1 AS place, id AS card, task_id AS task FROM safety_reviewcard
        WHERE status = 'pending'
"""
# Decided ones lie in the weeks before, waiting ones are due within the next days, behind those that are measured.
_COPY = """
    WITH made AS MATERIALIZED (
        SELECT n, b.card AS of_card, b.task AS of_task,
               uuidv7(CASE WHEN %(decided)s THEN interval '-20 days' * n / %(last)s ELSE interval '-1 hour' END) AS task, uuidv7() AS card,
               uuidv7() AS spend, uuidv7() AS action, uuidv7() AS result
        FROM generate_series(%(first)s::int, %(last)s::int) n
        JOIN bench_card b ON b.place = n %% (SELECT count(*) FROM bench_card)
    ), tasks AS (
        INSERT INTO swarm_task SELECT copy.* FROM made JOIN swarm_task t ON t.id = made.of_task
        CROSS JOIN LATERAL jsonb_populate_record(t, jsonb_build_object('id', made.task)) copy
    ), spends AS (
        INSERT INTO commerce_transaction SELECT copy.* FROM made JOIN safety_reviewcard c ON c.id = made.of_card
        JOIN commerce_transaction t ON t.id = c.transaction_id
        CROSS JOIN LATERAL jsonb_populate_record(t, jsonb_build_object('id', made.spend, 'task_id', made.task)) copy
    ), actions AS (
        INSERT INTO safety_action SELECT copy.* FROM made JOIN safety_action a ON a.review_id = made.of_card
        CROSS JOIN LATERAL jsonb_populate_record(a, jsonb_build_object(
            'id', made.action, 'task_id', made.task, 'review_id', made.card, 'transaction_id', made.spend
        )) copy
    ), results AS (
        INSERT INTO swarm_taskresult SELECT copy.* FROM made JOIN swarm_taskresult r ON r.task_id = made.of_task
        CROSS JOIN LATERAL jsonb_populate_record(r, jsonb_build_object('id', made.result, 'task_id', made.task)) copy
    ), cards AS (
        INSERT INTO safety_reviewcard SELECT copy.* FROM made JOIN safety_reviewcard c ON c.id = made.of_card
        CROSS JOIN LATERAL jsonb_populate_record(c, jsonb_build_object(
            'id', made.card, 'task_id', made.task, 'due_at', now() + interval '5 hours' + n * interval '1 second',
            'headline', left(c.headline || ' ' || n, 200),
            'transaction_id', CASE WHEN c.transaction_id IS NOT NULL THEN made.spend END,
            'action_id', CASE WHEN c.action_id IS NOT NULL THEN made.action END,
            'result_id', CASE WHEN c.result_id IS NOT NULL THEN made.result END
        ) || CASE WHEN %(decided)s THEN jsonb_build_object(
            'status', 'approved', 'decided_at', now() - n * interval '1 second', 'decided_by_id', (SELECT id FROM auth_user LIMIT 1)
        ) ELSE '{}' END) copy
    )
    INSERT INTO kernel_event SELECT copy.* FROM made
    JOIN kernel_event e ON e.aggregate_id IN (made.of_task, made.of_card)
    CROSS JOIN LATERAL jsonb_populate_record(e, jsonb_build_object(
        'id', uuidv7(), 'task_id', made.task, 'seq', nextval('kernel_event_seq'),
        'aggregate_id', CASE WHEN e.aggregate_id = made.of_task THEN made.task ELSE made.card END
    )) copy
"""


# ---------------------------------------------------------------- the pages


def measure(house: House, cards: dict[str, str], times: int) -> str:
    with psycopg.connect(house.postgres.urls.superuser) as rows:
        found = rows.execute("SELECT id FROM safety_reviewcard WHERE status = 'pending' ORDER BY random() LIMIT 1")
        (any_card,) = found.fetchone() or ("",)
    pages: dict[str, Callable[[httpx.Client], httpx.Response]] = {
        "the queue": lambda rita: rita.get(PAGE),
        "the queue, what is new": lambda rita: rita.get(PAGE, params={"standing": "new"}),
        "the queue, searched for what many have": lambda rita: rita.get(PAGE, params={"q": "ferry"}),
        "the queue, searched for what one has": lambda rita: rita.get(PAGE, params={"q": "ferry 99999"}),
        **{f"the card of {name}": _page(card) for name, card in cards.items()},
        "the card of any": _page(str(any_card)),
        "take the next, and put it back": _taken,
    }
    lines = []
    with _logged_in(house) as rita:
        rita.get("/admin/password_change/").raise_for_status()  # brings the CSRF cookie
        for name, page in pages.items():
            for _ in range(WARM):
                _timed(rita, page)
            spans = sorted(_timed(rita, page) for _ in range(times))
            shown = [f"{value:.0f}" for value in (percentile(spans, 0.5), percentile(spans, 0.95), spans[-1])]
            if name.startswith("the card"):
                shown.append("yes" if percentile(spans, 0.95) < TO_BE_REACHED_MS else "**no**")
            lines.append([name, *shown, *([""] if len(shown) == 3 else [])])
    return table(["one after the other", "p50 ms", "p95 ms", "most ms", f"p95 below {TO_BE_REACHED_MS} ms"], lines)


def _page(card: str) -> Callable[[httpx.Client], httpx.Response]:
    return lambda rita: rita.get(f"{PAGE}{card}/")


def _taken(rita: httpx.Client) -> httpx.Response:
    """Two requests and the redirects that follow them."""
    token = {"csrfmiddlewaretoken": rita.cookies["csrftoken"]}
    taken = rita.post(f"{PAGE}next/", data=token).raise_for_status()
    return rita.post(f"{taken.url.path}release/", data=token)


def _timed(rita: httpx.Client, page: Callable[[httpx.Client], httpx.Response]) -> float:
    began = time.perf_counter()
    page(rita).raise_for_status()
    return (time.perf_counter() - began) * 1_000


def _logged_in(house: House) -> httpx.Client:
    from django.contrib.auth import get_user_model
    from django.test import Client

    browser = Client()
    browser.force_login(get_user_model()._default_manager.get(username="rita"))
    client = httpx.Client(base_url=f"http://127.0.0.1:{house.port}", follow_redirects=True, timeout=60)
    client.cookies.set("sessionid", browser.cookies["sessionid"].value)
    return client


if __name__ == "__main__":
    main()
