"""How long a fresh web process takes until it answers, and its first search after that: `python -m benchmarks.first_search`.

    python -m benchmarks.first_search [--starts 5] [--pause 1.5]

Starts private servers and, one after another, as many web processes; each is asked for /healthz until it answers, then for three
hybrid searches after a pause. Prints the median of each in milliseconds.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx

from benchmarks.lifecycle import Servers

ASK_SECONDS = 0.01


def begin(servers: Servers, *, pause: float) -> list[float]:
    """Milliseconds until it answered, and of its first three searches."""
    begun = time.perf_counter()
    web = servers.spawn("-m", "daphne", "-b", "127.0.0.1", "-p", str(servers.port), "chimera.asgi:application")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{servers.port}", timeout=30, trust_env=False) as client:
            _wait(client)
            took = [time.perf_counter() - begun]
            time.sleep(pause)
            key = {"Authorization": f"Bearer {servers.keys['agents']['planner']}"}
            for words in ("When does the harbour open?", "Who sells tickets?", "Is there a ferry?"):
                asked = time.perf_counter()
                client.post("/api/v1/memories/search", json={"query": words}, headers=key).raise_for_status()
                took.append(time.perf_counter() - asked)
    finally:
        web.terminate()
        web.wait(20)
    return [seconds * 1000 for seconds in took]


def _wait(client: httpx.Client) -> None:
    while True:
        with suppress(httpx.TransportError):
            if client.get("/healthz").is_success:
                return
        time.sleep(ASK_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument(
        "--pause", type=float, default=1.5, help="seconds between the first answer and the first search"
    )
    told = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="chimera-first-"))
    servers = Servers(home)
    try:
        starts = [begin(servers, pause=told.pause) for _ in range(told.starts)]
    finally:
        servers.stop()
        shutil.rmtree(home, ignore_errors=True)
    for name, times in zip(
        ("answers after", "first search", "second search", "third search"), zip(*starts, strict=True), strict=True
    ):
        print(f"{name:14} {statistics.median(times):7.0f} ms")


if __name__ == "__main__":
    main()
