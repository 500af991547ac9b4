"""Dramatiq on Redis, as it comes: it acknowledges when a job has run, and keeps no results."""

import os
import sys
from collections.abc import Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.swarm.jobs.producing import serve
from benchmarks.swarm.jobs.stamps import BEGUN, Stamps

dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_URL"]))
stamps = Stamps.here()


@dramatiq.actor(actor_name="noop")
def noop(number: int) -> None:
    stamps.note(BEGUN, number)


class Producer:
    packages = ("dramatiq", "redis")

    def one(self, number: int) -> None:
        noop.send(number)

    def many(self, numbers: Sequence[int]) -> None:
        raise NotImplementedError  # a group sends its members one by one


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        serve(Producer())
    else:
        command = ["-m", "dramatiq", "benchmarks.swarm.jobs.dramatiq_jobs", "--processes", "1", "--threads", "8"]
        os.execv(sys.executable, [sys.executable, *command])
