"""A process that enqueues as it is told, one line of standard input after another; each is answered by a line of JSON.

    one FIRST LAST            jobs FIRST to LAST - 1, one call each, one after the other
    many FIRST LAST           the same, BULK in a call
    trickle FIRST LAST RATE N RATE jobs a second, N in one call where there is such a call, whether or not the calls
                              before have returned

One and trickle note when each call was made and when it returned.
"""

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Protocol

from benchmarks.swarm.jobs.stamps import CALLED, RETURNED, Stamps

BULK = 500
THREADS = 8  # of the trickle: a call that takes long does not hold up the next


class Producer(Protocol):
    packages: Sequence[str]  # whose versions are printed

    def one(self, number: int) -> None:
        """Return when the job is safe, as this queue understands it."""

    def many(self, numbers: Sequence[int]) -> None:
        """NotImplementedError where the queue has no such call."""


def serve(producer: Producer) -> None:
    stamps = Stamps.here()
    _say(packages={name: version(name) for name in producer.packages})
    with ThreadPoolExecutor(THREADS) as threads:
        for line in sys.stdin:
            order, *numbers = line.split()
            began = time.monotonic()
            try:
                _obey(producer, stamps, threads, order, [int(number) for number in numbers])
            except NotImplementedError:
                _say(seconds=None)
            else:
                _say(seconds=time.monotonic() - began)


def _obey(producer: Producer, stamps: Stamps, threads: ThreadPoolExecutor, order: str, said: list[int]) -> None:
    def call(number: int) -> None:
        stamps.note(CALLED, number)
        producer.one(number)
        stamps.note(RETURNED, number)

    def call_many(numbers: range) -> None:
        for number in numbers:
            stamps.note(CALLED, number)
        try:
            producer.many(numbers)
        except NotImplementedError:
            for number in numbers:
                producer.one(number)
        for number in numbers:
            stamps.note(RETURNED, number)

    first, last, *pace = said
    match order:
        case "one":
            for number in range(first, last):
                call(number)
        case "many":
            for start in range(first, last, BULK):
                producer.many(range(start, min(start + BULK, last)))
        case "trickle":
            began, calls, (rate, at_once) = time.monotonic(), [], pace
            for number in range(first, last, at_once):
                time.sleep(max(0.0, began + (number - first) / rate - time.monotonic()))
                if at_once == 1:
                    calls.append(threads.submit(call, number))
                else:
                    calls.append(threads.submit(call_many, range(number, min(number + at_once, last))))
            for done in calls:
                done.result()
        case _:
            raise SystemExit(f"what is {order!r}?")


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)
