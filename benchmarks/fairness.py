"""What a flood of one tenant costs another, and what a flood of one session costs another of the same tenant.

    python benchmarks/fairness.py [--tasks 100] [--flood 5000] [--rate 5]

A quiet tenant creates so many tasks a second, which its own waiting agent claims; measured is the time from the answer of
POST /tasks to the answer of POST /claims, alone, beside a flood that waits, and beside one that is created and drained as
fast as two agents (a process of their own) can. Then a quiet session of the flood's own tenant shares its agents. The aim
is that beside the flood latency at most doubles; the machine is shared, so what is left of it is part of the answer.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from benchmarks.lifecycle import House  # noqa: E402

BATCH = 500
SLOTS = 8  # tasks of one claim, the quiet agent's and the flood's
PATIENCE_SECONDS = 120
WARM = 10  # tasks that are not counted


@dataclass(frozen=True)
class Keys:
    planner: str
    worker: str


def client(port: int, secret: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port}/api/v1/", headers={"Authorization": f"Bearer {secret}"}, timeout=60
    )


def tenant(house: House, name: str) -> Keys:
    agents = json.loads(house.run("manage.py", "tenant", "add", name, "--json"))["agents"]
    return Keys(agents["planner"], agents["worker"])


class Quiet:
    """One session whose tasks come at a steady rate; when each was created and claimed."""

    def __init__(self, port: int, keys: Keys) -> None:
        self._port, self._keys = port, keys
        self._created: dict[str, float] = {}
        self._claimed: dict[str, float] = {}

    def measure(self, number: int, rate: float, *, own_agent: bool = True) -> list[float]:
        """Milliseconds of each. Without an agent of its own, whoever works for the tenant claims them."""
        with client(self._port, self._keys.planner) as planner:
            session = planner.post("sessions", json={"name": "quiet"}).raise_for_status().json()["id"]
            waiter = threading.Thread(target=self._wait if own_agent else self._watch, args=(session, number))
            waiter.start()
            body = {"session": session, "type": "quiet", "input_payload": {}, "risk_tier": 3}
            began = time.perf_counter()
            for turn in range(number):
                made = planner.post("tasks", json=body).raise_for_status().json()["id"]
                self._created[made] = time.perf_counter()
                time.sleep(max(0.0, began + (turn + 1) / rate - time.perf_counter()))
            waiter.join(PATIENCE_SECONDS)
        if len(self._claimed) < number:
            raise SystemExit(f"only {len(self._claimed)} of {number} quiet tasks were claimed")
        spans = [(self._claimed[task] - at) * 1000 for task, at in self._created.items()]
        return [max(span, 0.0) for span in spans[WARM:]]  # an agent may have its task before the planner its answer

    def _wait(self, session: str, number: int) -> None:
        with client(self._port, self._keys.worker) as worker:
            while len(self._claimed) < number:
                if claims := _claims(worker, SLOTS, wait=10):
                    self._claimed |= dict.fromkeys((c["task"]["id"] for c in claims), time.perf_counter())
                    _finish(worker, claims)

    def _watch(self, session: str, number: int) -> None:
        """When others claimed them, by the tasks' own word; accurate to the pause between two looks."""
        with client(self._port, self._keys.planner) as planner:
            while len(self._claimed) < number:
                for task in planner.get("tasks", params={"session": session}).raise_for_status().json()["results"]:
                    if task["started_at"] and task["id"] not in self._claimed:
                        self._claimed[task["id"]] = time.perf_counter()
                time.sleep(0.02)


def _claims(worker: httpx.Client, most: int, *, wait: int) -> list[dict[str, Any]]:
    said = worker.post("claims", json={"max": most, "wait_seconds": wait}).raise_for_status().json()
    claims: list[dict[str, Any]] = said["claims"]
    return claims


def _finish(worker: httpx.Client, claims: list[dict[str, Any]]) -> None:
    results = [{"task": c["task"]["id"], "lease_token": c["lease_token"], "status": "succeeded"} for c in claims]
    worker.post("claims/results", json={"results": results}).raise_for_status()


def fill(port: int, keys: Keys, number: int) -> None:
    with client(port, keys.planner) as planner:
        session = planner.post("sessions", json={"name": "flood"}).raise_for_status().json()["id"]
        task = {"session": session, "type": "flood", "input_payload": {}, "risk_tier": 3}
        for _ in range(0, number, BATCH):
            planner.post("tasks/batch", json={"tasks": [task] * BATCH}).raise_for_status()


def flood(port: int, keys: Keys) -> None:
    """Until it is ended: one thread creates whenever the other two have drained a batch."""
    due = threading.Semaphore(0)
    drained = [0]

    def drain() -> None:
        with client(port, keys.worker) as worker:
            while True:
                if claims := _claims(worker, SLOTS, wait=1):
                    _finish(worker, claims)
                    drained[0] += len(claims)
                    if drained[0] >= BATCH:
                        drained[0] -= BATCH
                        due.release()

    for _ in range(2):
        threading.Thread(target=drain, daemon=True).start()
    while True:
        due.acquire()
        fill(port, keys, BATCH)


@contextmanager
def flooding(port: int, keys: Keys) -> Iterator[None]:
    words = [sys.executable, __file__, "--flooding", str(port), keys.planner, keys.worker]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)  # until it is in full flow
        yield
    finally:
        process.kill()
        process.wait()


def show(rows: dict[str, list[float]], alone: list[float]) -> None:
    print(f"{'milliseconds from creation to claim':48}{'p50':>10}{'p95':>10}{'p50 ×':>10}{'p95 ×':>10}")
    base = _at(0.5, alone), _at(0.95, alone)
    for name, spans in rows.items():
        p50, p95 = _at(0.5, spans), _at(0.95, spans)
        print(f"{name:48}{p50:>10.1f}{p95:>10.1f}{p50 / base[0]:>10.1f}{p95 / base[1]:>10.1f}")


def _at(share: float, spans: list[float]) -> float:
    return sorted(spans)[int(len(spans) * share)]


def measure(house: House, asked: argparse.Namespace) -> None:
    """Ratios are to both looks without a flood together, before and after, so that a drifting machine shows."""
    quiet, loud = tenant(house, "quiet"), tenant(house, "loud")

    def other() -> list[float]:
        return Quiet(house.port, quiet).measure(asked.tasks, asked.rate)

    rows = {"alone": other()}
    with flooding(house.port, loud):
        rows["beside another tenant's flood, in full flow"] = other()
        shared = Quiet(house.port, loud).measure(asked.tasks, asked.rate, own_agent=False)
    rows["alone, again"] = other()
    fill(house.port, loud, asked.flood)
    rows[f"beside another tenant's {asked.flood} that wait"] = other()
    rows["of the flood's own tenant, with its agents"] = shared
    show(rows, rows["alone"] + rows["alone, again"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--flood", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=5.0, help="quiet tasks per second")
    parser.add_argument("--flooding", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.flooding:
        port, planner, worker = asked.flooding
        return flood(int(port), Keys(planner, worker))
    home = Path(tempfile.mkdtemp(prefix="chimera-fair-"))
    house = House(home)
    try:
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        measure(house, asked)
    finally:
        house.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
