"""The outside world of money: each tenant's spend of today in Redis, in micro-dollars, for dashboards.

A mirror of absolute values that never decides: each write repeats the whole sum out of the ledger, so doubled, late and
lost writes do no harm. It is paced by the clock and not by the facts: a sum over a day for every spend of that day would
be quadratic work.
"""

from commerce.accumulator.days import MICRO
from commerce.accumulator.mirror import BATCHES_MAX, Mirror
from commerce.accumulator.standing import compare, read, repair

__all__ = ["BATCHES_MAX", "MICRO", "Mirror", "compare", "read", "repair"]
