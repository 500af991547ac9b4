"""Ways to spend from one budget: grouped in this process, and naively, a transaction and a lock for each."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.hot.scene import AMOUNT, WARM_SECONDS, Lease, Measured, Scene, asking
from benchmarks.swarm.metering import spent

PATIENT = "-c lock_timeout=0 -c statement_timeout=0"  # it would be refused before its turn comes


def grouped(scene: Scene, leases: Sequence[Lease], seconds: float) -> Measured:
    from chimera.flows.spend_together import AT_ONCE_MAX, spend_together
    from chimera.kernel.group import Group

    async def all_ask() -> Measured:
        group: Group[UUID, Any, Any] = Group(spend_together, most=AT_ONCE_MAX)
        spans: list[float] = []
        until = time.perf_counter() + WARM_SECONDS + seconds

        async def ask(lease: Lease) -> None:
            asked = asking(lease)
            while (began := time.perf_counter()) < until:
                answered = await group.add(scene.tenant_id, asked)
                assert answered, "left to the door"
                assert answered.status == 201, answered
                if began >= until - seconds:
                    spans.append((time.perf_counter() - began) * 1000)

        all_of_them = asyncio.gather(*(ask(lease) for lease in leases))
        await asyncio.sleep(WARM_SECONDS)
        cpu = scene.cpu()
        await all_of_them
        return Measured(len(spans), seconds, spans, spent(cpu, scene.cpu()))

    return asyncio.run(all_ask())


def naive(scene: Scene, leases: Sequence[Lease], seconds: float) -> Measured:
    spans: list[float] = []
    until = time.perf_counter() + WARM_SECONDS + seconds

    def ask(lease: Lease) -> None:
        with psycopg.connect(scene.url, prepare_threshold=1, options=PATIENT) as rows:
            while (began := time.perf_counter()) < until:
                _spend_naively(rows, scene, lease)
                if began >= until - seconds:
                    spans.append((time.perf_counter() - began) * 1000)

    threads = [threading.Thread(target=ask, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    time.sleep(WARM_SECONDS)
    cpu = scene.cpu()
    for thread in threads:
        thread.join()
    return Measured(len(spans), seconds, spans, spent(cpu, scene.cpu()))


def _spend_naively(rows: "psycopg.Connection[Any]", scene: Scene, lease: Lease) -> None:
    from chimera.kernel import ids

    with rows.transaction():
        rows.execute("SELECT set_config('chimera.tenant', %s, true)", [str(scene.tenant_id)])
        rows.execute("SELECT 1 FROM commerce_budgetconfig WHERE id = %s FOR UPDATE", [scene.budget_id])
        windows = rows.execute(
            "SELECT id, limit_usd - held_usd - captured_usd FROM commerce_spendwindow WHERE budget_id = %s",
            [scene.budget_id],
        ).fetchall()
        assert windows
        assert all(left >= AMOUNT for _, left in windows)
        found = [window_id for window_id, _ in windows]
        rows.execute("UPDATE commerce_spendwindow SET held_usd = held_usd + %s WHERE id = ANY(%s)", [AMOUNT, found])
        rows.execute(
            _INSERT,
            [ids.uuid7(), scene.tenant_id, lease.agent_id, AMOUNT, lease.token, scene.budget_id, found, lease.task_id],
        )


_INSERT = """
    INSERT INTO commerce_transaction (
        id, tenant_id, version, task_id, session_id, agent_id, status, amount_usd, asset_symbol, payee, category, purpose,
        metadata, keeper, lease_token, approval_key, denied_code, denied_reason, budgets, windows, created_at, changed_by
    )
    SELECT %s, %s, 1, t.id, t.session_id, %s, 'held', %s, 'USD', 'render.example', '', '', '{}', 'lease', %s, 'naive', '', '',
        ARRAY[%s], %s, now(), 'naive'
    FROM swarm_task t WHERE t.id = %s
"""
