"""RQ without its fork per job (SimpleWorker), which makes it several times faster. It keeps jobs and results for 500 s."""

import logging
import os
import sys
from collections.abc import Sequence

from redis import Redis
from rq import Queue, SimpleWorker

from benchmarks.swarm.jobs.producing import serve
from benchmarks.swarm.jobs.stamps import BEGUN, Stamps

NAME = "benchmarks.swarm.jobs.rq_jobs.noop"
stamps = Stamps.here()


def noop(number: int) -> None:
    stamps.note(BEGUN, number)


class Producer:
    packages = ("rq", "redis")

    def __init__(self) -> None:
        self.queue = Queue("default", connection=Redis.from_url(os.environ["BENCH_URL"]))

    def one(self, number: int) -> None:
        self.queue.enqueue(NAME, number)

    def many(self, numbers: Sequence[int]) -> None:
        self.queue.enqueue_many([Queue.prepare_data(NAME, args=[number]) for number in numbers])


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        serve(Producer())
    else:
        logging.disable(logging.INFO)
        connection = Redis.from_url(os.environ["BENCH_URL"])
        SimpleWorker(["default"], connection=connection).work(logging_level="ERROR")
