"""Pauses that grow, with full jitter: many who were cut off at one moment do not come back at one moment."""

import random
from dataclasses import dataclass


@dataclass
class Backoff:
    """`next()` is a random share of a bound that doubles from `first_seconds` up to `most_seconds`; `reset()` after success."""

    first_seconds: float = 0.2
    most_seconds: float = 15.0
    _bound: float = 0.0

    def next(self) -> float:
        self._bound = min(self.most_seconds, self._bound * 2 or self.first_seconds)
        return random.uniform(0, self._bound)

    def reset(self) -> None:
        self._bound = 0.0
