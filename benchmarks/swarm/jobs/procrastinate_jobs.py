"""Procrastinate on PostgreSQL: its rows stay when they have succeeded, as Chimera's do."""

import asyncio
import os
import sys
from collections.abc import Sequence

from procrastinate import App, PsycopgConnector

from benchmarks.swarm.jobs.producing import THREADS, serve
from benchmarks.swarm.jobs.stamps import BEGUN, Stamps

URL = os.environ["BENCH_URL"]
CONCURRENCY = 8

app = App(connector=PsycopgConnector(conninfo=URL, max_size=THREADS))
stamps = Stamps.here()


@app.task(name="noop")
async def noop(number: int) -> None:
    stamps.note(BEGUN, number)


class Producer:
    packages = ("procrastinate", "psycopg")

    def __init__(self) -> None:
        app.open()
        if not app.check_connection():
            app.schema_manager.apply_schema()

    def one(self, number: int) -> None:
        noop.defer(number=number)

    def many(self, numbers: Sequence[int]) -> None:
        noop.batch_defer(*({"number": number} for number in numbers))


async def work() -> None:
    async with app.open_async():
        await app.run_worker_async(concurrency=CONCURRENCY)


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        serve(Producer())
    else:
        asyncio.run(work())
