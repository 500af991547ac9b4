"""Celery: Redis as broker and as result backend, acknowledged late."""

import os
import sys
from collections.abc import Sequence

from celery import Celery

from benchmarks.swarm.jobs.producing import serve
from benchmarks.swarm.jobs.stamps import BEGUN, Stamps

URL = os.environ["BENCH_URL"]
PREFETCH = 64  # as many as Chimera's agent has slots; the default, 4, is slower

app = Celery("bench", broker=URL, backend=URL.removesuffix("/0") + "/1")
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=PREFETCH,
    worker_concurrency=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
stamps = Stamps.here()


@app.task(name="noop")
def noop(number: int) -> None:
    stamps.note(BEGUN, number)


class Producer:
    packages = ("celery", "kombu", "redis")

    def one(self, number: int) -> None:
        noop.delay(number)

    def many(self, numbers: Sequence[int]) -> None:
        raise NotImplementedError  # a group publishes its members one by one


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        serve(Producer())
    else:
        app.worker_main(["worker", "--pool", "prefork", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"])
