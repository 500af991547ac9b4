"""The quick ways answer what the doors would, many at once, and leave to the doors whatever else there is."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chimera.asgi import django_application
from chimera.flows import finish_many
from chimera.kernel import identity, redis
from chimera.kernel.http import quick
from swarm.models import AgentKey, Task
from tests.cast import Said, Stage
from tests.live.watching import run
from tests.swarm.at_wire import Heads, Wire, offer, result

CHANGES = {"X-Trace-Id", "Content-Length"}
NOBODY = "01900000-0000-7000-8000-000000000001"


@pytest.fixture
def wire(db: None) -> Wire:
    return Wire(django_application)


@pytest.fixture
def claims(acme: Stage, settle: Callable[[], None]) -> list[dict[str, Any]]:
    offer(acme, 6, settle)
    return acme.ada.claim(6)


def alike(one: Said, other: Said) -> None:
    """Status, body and headers, but for what is of each call alone."""
    assert (one.status, shape_of(one.body)) == (other.status, shape_of(other.body))
    assert {n: v for n, v in one.headers.items() if n not in CHANGES} == {
        n: v for n, v in other.headers.items() if n not in CHANGES
    }
    assert set(one.headers) == set(other.headers)


def shape_of(body: Any) -> Any:
    return body | {"trace_id": ""} if "trace_id" in body else body


def test_a_result_and_its_repetition_are_answered_as_by_the_door(claims: list[Any], acme: Stage, wire: Wire) -> None:
    async def main() -> None:
        said = result(claims[0], artifacts=[{"type": "note", "content": {"a": 1}}], confidence_score=0.95)
        quick, door = await wire.both(acme.ada, *said)
        alike(quick, door)
        assert quick["task"]["status"] == "completed"
        assert quick["task"]["results"][0]["artifacts"] == [{"type": "note", "content": {"a": 1}}]
        alike(await wire.call(acme.ada, *said), door)
        assert wire.left == []

    run(main)


def test_a_result_that_needs_more_is_settled_in_full_all_the_same(claims: list[Any], acme: Stage, wire: Wire) -> None:
    async def main() -> None:
        asked = await wire.call(acme.ada, *result(claims[0], confidence_score=0.75))
        assert (asked.status, asked["outcome"], asked["task"]["status"]) == (200, "blocked", "blocked")
        assert asked["review"]
        error = {"code": "broken", "message": "", "retryable": False}
        failed = await wire.call(acme.ada, *result(claims[1], status="failed", output_payload=None, error=error))
        assert (failed["outcome"], failed["task"]["status"]) == ("failed", "failed")
        assert wire.left == []

    run(main)


def test_a_heartbeat_is_answered_as_by_the_door(claims: list[Any], acme: Stage, wire: Wire) -> None:
    async def main() -> None:
        path = f"tasks/{claims[0]['task']['id']}/heartbeat"
        said = {"lease_token": claims[0]["lease_token"], "progress": {"phase": "reading", "percentage": 40}}
        alike(*await wire.both(acme.ada, path, said))
        assert wire.left == []
        shown = await asyncio.to_thread(acme.ada.get, f"tasks/{claims[0]['task']['id']}")
        assert shown["progress"]["phase"] == "reading"

    run(main)


def test_a_heartbeat_with_a_cost_is_metered_as_by_the_door(claims: list[Any], acme: Stage, wire: Wire) -> None:
    acme.budget(day_usd="1.00")

    async def main() -> None:
        paths = [f"tasks/{claim['task']['id']}/heartbeat" for claim in claims]
        said = [{"lease_token": claim["lease_token"], "cost_usd": "0.10"} for claim in claims]
        alike(*await wire.both(acme.ada, paths[0], said[0]))
        quick = await wire.call(acme.ada, paths[1], said[1] | {"cost_usd": "2.00"})
        door = await wire.call(acme.ada, paths[2], said[2], at=wire.doors)
        assert quick.body.keys() == door.body.keys()
        assert (quick["commands"], quick["reason"], quick["lease_expires_at"]) == (["stop"], "budget_exceeded", None)
        assert (door["commands"], door["reason"], door["lease_expires_at"]) == (["stop"], "budget_exceeded", None)
        assert wire.left == []
        stale = await wire.both(acme.ada, paths[1], said[1] | {"cost_usd": "2.00"})
        alike(*stale)
        stale[0].refused(409, "stale_lease")

    run(main)


def test_a_claim_is_answered_as_by_the_door(acme: Stage, settle: Callable[[], None], wire: Wire) -> None:
    offer(acme, 2, settle)

    async def main() -> None:
        quick, door = await wire.both(acme.ada, "claims", {"max": 1})
        assert quick["claims"][0].keys() == door["claims"][0].keys()
        assert quick["claims"][0]["task"].keys() == door["claims"][0]["task"].keys()
        assert quick["claims"][0]["task"]["id"] != door["claims"][0]["task"]["id"]
        alike(*await wire.both(acme.ada, "claims", {"max": 1}))  # nothing is left
        assert wire.left == []

    run(main)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("claims", {"max": 0}),
        ("claims", {"roles": ["judge"]}),
        ("claims", {"bogus": 1}),
        ("claims", b"{nonsense"),
        ("claims", b"[]"),
        (f"tasks/{NOBODY}/result", {"lease_token": NOBODY, "status": "succeeded"}),
        (f"tasks/{NOBODY}/result", {"lease_token": NOBODY, "status": "failed"}),
        (f"tasks/{NOBODY}/heartbeat", {"lease_token": NOBODY}),
        (f"tasks/{NOBODY}/heartbeat", {"lease_token": NOBODY, "cost_usd": "1.00"}),
    ],
)
def test_what_is_refused_is_refused_by_the_door(acme: Stage, wire: Wire, path: str, body: Any) -> None:
    async def main() -> None:
        quick, door = await wire.both(acme.ada, path, body)
        alike(quick, door)
        assert quick.status >= 400
        assert wire.left == [f"/api/v1/{path}"]

    run(main)


def test_another_agents_lease_is_stale(claims: list[Any], acme: Stage, wire: Wire) -> None:
    async def main() -> None:
        (await wire.call(acme.bob, *result(claims[0]))).refused(409, "stale_lease")
        token = {"lease_token": claims[0]["lease_token"]}
        path = f"tasks/{claims[0]['task']['id']}/heartbeat"
        (await wire.call(acme.bob, path, token)).refused(409, "stale_lease")
        (await wire.call(acme.ada, *result(claims[0]))).ok()

    run(main)


def test_only_agents_with_a_key_that_may_write_come_in(
    claims: list[Any], acme: Stage, zenith: Stage, wire: Wire
) -> None:
    with acme.bound():
        AgentKey.objects.filter(agent__name="bob").update(scopes=["read"])

    async def main() -> None:
        for who, status, code in (
            (acme.otto.secret, 403, "role"),
            ("chm_nobody", 401, "unauthenticated"),
            ("nonsense", 401, "unauthenticated"),
            (acme.bob.secret, 403, "scope"),
            (zenith.ada.secret, 404, "not_found"),
        ):
            quick, door = await wire.both(who, *result(claims[0]))
            alike(quick, door)
            quick.refused(status, code)

    run(main)


def test_a_key_is_no_good_from_the_moment_it_is_revoked(claims: list[Any], acme: Stage, wire: Wire) -> None:
    async def main() -> None:
        (await wire.call(acme.ada, *result(claims[0]))).ok()
        await asyncio.to_thread(acme.otto.post, f"agents/{acme.ada.id}/kill", {"reason": "test"})
        (await wire.call(acme.ada, *result(claims[1]))).refused(401, "unauthenticated")

    run(main)


@pytest.mark.parametrize(
    "more",
    [
        [(b"idempotency-key", b"k1")],
        [(b"traceparent", b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")],
        [(b"cookie", b"sessionid=x")],
        [(b"accept", b"text/html")],
    ],
)
def test_a_header_that_may_change_the_answer_leads_to_the_door(
    claims: list[Any], acme: Stage, wire: Wire, more: Heads
) -> None:
    async def main() -> None:
        said = await wire.call(acme.ada, *result(claims[0]), more)
        assert said.status in (200, 406)
        assert len(wire.left) == 1

    run(main)


def test_a_host_that_is_not_ours_is_refused(acme: Stage, wire: Wire) -> None:
    async def main() -> None:
        raw = {"max": 1}
        quick = await wire.call(acme.ada, "claims", raw, [(b"host", b"elsewhere.example")])
        assert quick.status == 400
        assert wire.left

    run(main)


def test_what_comes_without_tls_is_redirected_by_the_door(
    claims: list[Any], acme: Stage, wire: Wire, settings: Any
) -> None:
    """Else an agent that was given http:// would show its key to everybody on the way, and never notice."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    async def main() -> None:
        by_tls = await wire.call(acme.ada, *result(claims[0]), [(b"x-forwarded-proto", b"https")])
        assert (by_tls.status, wire.left) == (200, [])
        await wire.call(acme.ada, *result(claims[1]), [(b"x-forwarded-proto", b"http")])
        await wire.call(acme.ada, *result(claims[2]))
        assert len(wire.left) == 2

    run(main)


def test_results_that_come_together_are_written_together(
    claims: list[Any], acme: Stage, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    finish = finish_many.finish_together

    def counted(tenant_id: Any, handed: Any) -> Any:
        batches.append(len(handed))
        return finish(tenant_id, handed)

    monkeypatch.setattr(finish_many, "finish_together", counted)

    async def main() -> None:
        answered = await wire.all(*((acme.ada, *result(claim)) for claim in claims))
        assert [one.ok()["task"]["id"] for one in answered] == [claim["task"]["id"] for claim in claims]
        assert {one["outcome"] for one in answered} == {"completed"}
        assert sum(batches) == len(claims)
        assert len(batches) <= 3, batches

    run(main)


def test_claims_of_one_agent_that_come_together_get_a_task_each_and_no_more_than_its_slots(
    acme: Stage, settle: Callable[[], None], wire: Wire
) -> None:
    offer(acme, 12, settle)

    async def main() -> None:
        answered = await wire.all(*((acme.ada, "claims", {"max": 1}) for _ in range(12)))
        got = [claim["task"]["id"] for one in answered for claim in one.ok()["claims"]]
        assert len(set(got)) == len(got) == 8  # her slots
        assert all(len(one["claims"]) <= 1 for one in answered)
        (await wire.call(acme.bob, "claims", {"max": 5})).ok()

    run(main)
    with acme.bound():
        assert Task.objects.filter(status="running").count() == 9
    assert redis.client().llen(redis.queue("normal", acme.tenant_id, "worker")) == 3


def test_the_log_says_who_called_and_about_what(claims: list[Any], acme: Stage, wire: Wire) -> None:
    bound: list[dict[str, Any]] = []
    send = quick._send

    async def watched(*call: Any) -> None:
        bound.append(structlog.contextvars.get_contextvars())
        await send(*call)

    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(quick, "_send", watched)
            (await wire.call(acme.ada, *result(claims[0]))).ok()
            (await wire.call(acme.ada, "claims", {})).ok()

    run(main)
    who = {"tenant": str(acme.tenant_id), "principal": f"agent:{acme.ada.id}"}
    assert [one | {"trace": ""} for one in bound] == [
        who | {"task": claims[0]["task"]["id"], "trace": ""},
        who | {"trace": ""},
    ]


def test_many_callers_are_asked_for_in_one_statement(acme: Stage) -> None:
    with CaptureQueriesContext(connection) as asked:
        known = identity.identify_all([acme.ada.secret, acme.bob.secret, "chm_nobody"])
    assert len(asked) == 1
    assert {secret: who.name for secret, (who, _) in known.items()} == {acme.ada.secret: "ada", acme.bob.secret: "bob"}


def _revoke(acme: Stage) -> None:
    with acme.bound():
        AgentKey.objects.filter(agent__name="ada").update(revoked_at="2026-01-01T00:00:00Z")
