"""Many rows, by INSERT … SELECT straight into the real, partitioned tables: what waits, and what has ended.

They lie as in a house that has been used for a month. Ten tenants (one has nine tenths), sessions of very different sizes,
one of them paused and some ended; roles, bands, types, deadlines, a few concurrency keys and capabilities; of what is
PENDING half waits for its time and half for another task. The triggers, which look after each row by itself, are off.
Results and events of what has ended are left out: no claim and no sweep reads them.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

SLICE = 50_000  # rows of one INSERT
TENANTS, SESSIONS, SESSIONS_ENDED = 9, 200, 200  # besides those that are there
PENDING_SHARE = 0.1  # so many are PENDING besides those that are QUEUED
COMMON, RARE = "noop", "rare"  # types: of every other task, and of so few however many there are
RARES = 400
CAPABILITY = "gpu"  # what one in a hundred requires


@dataclass(frozen=True)
class Level:
    """How many rows are QUEUED, and how many have COMPLETED."""

    waiting: int
    finished: int

    @property
    def pending(self) -> int:
        return int(self.waiting * PENDING_SHARE)


class Filler:
    """As superuser, on `rows`. `tenant_id` is the one that is measured."""

    def __init__(self, rows: "psycopg.Connection[Any]", tenant_id: str) -> None:
        self.rows, self.tenant_id = rows, tenant_id
        rows.execute("SET session_replication_role = replica")
        psycopg.ClientCursor(rows).execute(
            _PLACES, {"tenant": tenant_id, "tenants": TENANTS, "open": SESSIONS, "ended": SESSIONS_ENDED}
        )

    def fill(self, level: Level) -> None:
        """What is missing until there are so many."""
        self._insert(_WAITING, "status = 'queued'", level.waiting)
        self._insert(_PENDING, "status = 'pending'", level.pending)
        self._insert(_FINISHED, "status = 'completed'", level.finished)
        self.rows.execute("VACUUM (ANALYZE) swarm_task, swarm_taskdependency, swarm_swarmsession, swarm_tenant")
        self.rows.execute("CHECKPOINT")

    def _insert(self, statement: str, which: str, number: int) -> None:
        counted = self.rows.execute(f"SELECT count(*) FROM swarm_task WHERE {which}").fetchone()
        there = counted[0] if counted else 0
        for first in range(there + 1, number + 1, SLICE):
            last = min(first + SLICE - 1, number)
            self.rows.execute(statement, {"first": first, "last": last, "all": number, "rare": max(1, number // RARES)})


# Campaigns, tenants and sessions, and where the n-th row may lie: a few sessions have most of the rows.
_PLACES = """
    INSERT INTO swarm_tenant (id, name, time_zone, created_at)
        SELECT uuidv7(), 'bench ' || n, 'UTC', now() FROM generate_series(1, %(tenants)s) n;
    INSERT INTO swarm_campaign (id, tenant_id, name, goal, context, status, state_version, version, created_at, updated_at)
        SELECT uuidv7(), %(tenant)s, 'bench ' || n, 'none', '{}', 'active', 1, 1, now(), now()
        FROM generate_series(1, 10) n;
    INSERT INTO swarm_swarmsession
        (id, tenant_id, campaign_id, name, context, status, state_version, version, created_at, updated_at, ended_at)
        SELECT uuidv7(), t.id, c.id, 'bench ' || n, '{}',
               CASE WHEN n > %(open)s THEN 'completed' WHEN n = 7 THEN 'paused' ELSE 'running' END,
               1, 1, now(), now(), CASE WHEN n > %(open)s THEN now() END
        FROM swarm_tenant t CROSS JOIN generate_series(1, %(open)s + %(ended)s) n
        LEFT JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM swarm_campaign WHERE tenant_id = %(tenant)s) c
            ON t.id = %(tenant)s AND c.place * 2 = n %% 20 + 1
        WHERE t.id = %(tenant)s OR n %% 10 = 0;
    CREATE TEMP TABLE bench_place AS
        SELECT row_number() OVER (PARTITION BY is_mine, is_over ORDER BY id) - 1 AS place, *,
               count(*) OVER (PARTITION BY is_mine, is_over) AS number
        FROM (SELECT id, tenant_id, tenant_id = %(tenant)s AS is_mine, ended_at IS NOT NULL AS is_over
              FROM swarm_swarmsession WHERE name LIKE 'bench %%') s;
    CREATE INDEX ON bench_place (is_mine, is_over, place);
    ANALYZE bench_place, swarm_swarmsession, swarm_tenant
"""

_COLUMNS = """
    id, tenant_id, session_id, type, role, requires, description, input_payload, metadata, concurrency_key, priority,
    risk_tier, execution_mode, judged, status, blocked_reason, attempt_count, max_attempts, not_before, deadline_at,
    created_by, created_at, queued_at, completed_at, version
"""
# `r` are a row's own random numbers; OFFSET 0 keeps each of them one number.
_DRAWN = """
    generate_series(%(first)s::int, %(last)s::int) n
    CROSS JOIN LATERAL (
        SELECT random() AS size, random() AS role, random() AS band, random() AS type, random() AS extra,
               random() AS deadline, n AS same OFFSET 0
    ) r
"""
_SESSION = """
    JOIN bench_place p ON p.is_mine = (n %% 10 <> 0) AND p.is_over = {over}
        AND p.place = floor(power(r.size, 3) * p.number)::int
"""
_ROLE = "CASE WHEN r.role < 0.8 THEN 'worker' WHEN r.role < 0.9 THEN 'planner' ELSE 'judge' END"
_TYPE = f"""
    CASE WHEN n %% %(rare)s = 1 THEN '{RARE}' WHEN r.type < 0.5 THEN '{COMMON}'
    ELSE 'kind ' || floor(r.type * 40)::int END
"""
_PRIORITY = "CASE WHEN r.band < 0.7 THEN 50 ELSE floor(random() * 101)::int END"
_REQUIRES = f"CASE WHEN r.extra < 0.01 THEN '{{{CAPABILITY}}}'::varchar[] ELSE '{{}}'::varchar[] END"
_KEY = "CASE WHEN r.extra > 0.98 THEN 'key ' || floor(r.size * 50)::int ELSE '' END"
_INPUT = """jsonb_build_object('number', n, 'question', 'What does it cost to wait here, and for whom is it?')"""
_DEADLINE = "CASE WHEN r.deadline < 0.1 THEN now() + r.deadline * interval '300 days' + interval '1 day' END"


def _open(status: str, not_before: str, queued_at: str) -> str:
    return f"""
        INSERT INTO swarm_task ({_COLUMNS})
        SELECT uuidv7(interval '-2 days' + interval '1 day' * n / %(all)s), p.tenant_id, p.id, {_TYPE}, {_ROLE}, {_REQUIRES},
               '', {_INPUT}, '{{}}', {_KEY}, {_PRIORITY}, 3, 'auto', false, '{status}', '', 0, 3, {not_before}, {_DEADLINE},
               'bench', now(), {queued_at}, NULL, 1
        FROM {_DRAWN} {_SESSION.format(over="false")}
    """


_WAITING = _open("queued", "NULL::timestamptz", "now()")
# The uneven ones wait for their time, the even ones for a task of their tenant.
_PENDING = f"""
    WITH made AS (
        {_open("pending", "CASE WHEN n %% 2 = 1 THEN now() + interval '1 day' END", "NULL::timestamptz")}
        RETURNING id, tenant_id, not_before
    )
    INSERT INTO swarm_taskdependency (id, tenant_id, task_id, depends_on_id)
    SELECT uuidv7(), made.tenant_id, made.id, before.id FROM made CROSS JOIN LATERAL (
        SELECT id FROM swarm_task t WHERE t.tenant_id = made.tenant_id AND t.status = 'queued' ORDER BY id DESC LIMIT 1
    ) before
    WHERE made.not_before IS NULL
"""
_FINISHED = f"""
    INSERT INTO swarm_task ({_COLUMNS})
    SELECT uuidv7(interval '-30 days' + interval '28 days' * n / %(all)s), p.tenant_id, p.id, {_TYPE}, {_ROLE}, '{{}}',
           '', {_INPUT}, '{{}}', {_KEY}, {_PRIORITY}, 3, 'auto', false, 'completed', '', 1, 3, NULL, NULL,
           'bench', now() - interval '3 days', now() - interval '3 days', now() - interval '2 days', 4
    FROM {_DRAWN} {_SESSION.format(over="(n %% 3 = 0)")}
"""
