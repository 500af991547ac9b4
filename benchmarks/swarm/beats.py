"""A thousand connected agents that hold a task each and beat every ten seconds: how long each waits for its answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.lifecycle import ROOT
from benchmarks.swarm import tables
from benchmarks.swarm.contenders import Swarm
from benchmarks.swarm.jobs.chimera_beats import KEY
from benchmarks.swarm.metering import Meter, spent

AGENTS, EVERY_SECONDS, SECONDS = 1_000, 10, 20
AGENTS_QUICK, SECONDS_QUICK = 50, 3
BULK = 500

_AGENTS = """
    WITH made AS (
        INSERT INTO swarm_agentprofile
            (id, tenant_id, name, role, status, inactive_because, capabilities, tools_config, max_slots, version, created_at)
        SELECT uuidv7(), %(tenant)s, 'bench ' || n, 'worker', 'active', '', '{}', '{}', 1, 1, now()
        FROM generate_series(0, %(number)s - 1) n RETURNING id, tenant_id, name
    )
    INSERT INTO swarm_agentkey (id, tenant_id, agent_id, prefix, digest, scopes, created_at)
    SELECT uuidv7(), tenant_id, id, 'chm_bench', sha256(convert_to(replace(%(key)s, '{}', substr(name, 7)), 'UTF8')), '{}', now()
    FROM made
"""


def beating(home: Path, *, quick: bool) -> str:
    number, every, seconds = (AGENTS_QUICK, 1, SECONDS_QUICK) if quick else (AGENTS, EVERY_SECONDS, SECONDS)
    lines = []
    for kind in ("socket", "http"):
        tables.complain(f"… {number} agents beating, {kind}")
        folder = home / kind
        folder.mkdir()
        lines.append([f"{number} agents, {kind}", *_measured(folder, kind, number, every, seconds)])
    head = [f"beats, every {every} s for {seconds} s", "answered", "p50 ms", "p95 ms", "p99 ms", "most ms"]
    wrong = ["refused", "5xx", "closed", "seated at a second try"]
    return tables.table(
        [*head, *wrong, "web", "relay", "PostgreSQL", "Redis", "the agents' process, % of a core"], lines
    )


def _measured(home: Path, kind: str, number: int, every: float, seconds: float) -> list[str]:
    house = Swarm(home)
    try:
        with psycopg.connect(house.postgres.urls.superuser, autocommit=True) as rows:
            rows.execute(_AGENTS, {"tenant": house.keys["tenant"], "number": number, "key": KEY})
        _tasks(house, number)
        return _played(house, kind, number, every, seconds)
    finally:
        house.stop()


def _tasks(house: Swarm, number: int) -> None:
    with house.client(house.keys["agents"]["planner"]) as planner:
        session = planner.post("sessions", json={"name": "bench"}).raise_for_status().json()["id"]
        task = {"session": session, "type": "noop", "input_payload": {}, "risk_tier": 3}
        for start in range(0, number, BULK):
            planner.post("tasks/batch", json={"tasks": [task] * min(BULK, number - start)}).raise_for_status()


def _played(house: Swarm, kind: str, number: int, every: float, seconds: float) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.swarm.jobs.chimera_beats", kind, str(number), str(every), str(seconds)]
    address = f"http://127.0.0.1:{house.port}"
    environment = house.environment | {"CHIMERA_URL": address}
    played = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        return _heard(house, played, kind, seconds)
    finally:
        played.kill()
        played.communicate()


def _heard(house: Swarm, played: "subprocess.Popen[str]", kind: str, seconds: float) -> list[str]:
    assert played.stdin is not None
    assert played.stdout is not None
    if played.stdout.readline().strip() != "seated":
        raise SystemExit(f"{kind}: not all agents got a task")
    web, relay = (child.pid for child in house.children)
    servers = {"web": web, "relay": relay, "PostgreSQL": house.postgres.pid, "Redis": house.redis.pid}
    meter = Meter(servers | {"agents": played.pid})
    before = meter.cpu_seconds()
    played.stdin.write("begin\n")
    played.stdin.flush()
    line = played.stdout.readline()
    cpu = spent(before, meter.cpu_seconds())
    if not line:
        raise SystemExit(f"{kind}: the agents' process ended")
    return _shown(json.loads(line), cpu, seconds)


def _shown(told: Any, cpu: dict[str, float], seconds: float) -> list[str]:
    ms, counts = sorted(told["ms"]), told["counts"]
    waited = [f"{tables.percentile(ms, share):.0f}" for share in (0.5, 0.95, 0.99)]
    refused = [f"{number} {what.partition(': ')[2]}" for what, number in counts.items() if what.startswith("refused")]
    wrong = [", ".join(refused) or "0", *(str(counts.get(what, 0)) for what in ("5xx", "closed", "again"))]
    shares = [f"{cpu[name] / seconds * 100:.0f} %" for name in ("web", "relay", "PostgreSQL", "Redis", "agents")]
    return [str(counts.get("ok", 0)), *waited, f"{ms[-1]:.0f}", *wrong, *shares]
