"""What follows a claim's commit: it may fail, and the claim stands all the same."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()


@contextmanager
def following(what: str) -> Iterator[None]:
    """A fault in here is logged and goes no further: raised, it would have the same tasks claimed for nobody, and others
    claimed again. What was left undone others find: leases lapse, ids are restocked, a silent agent is heard next time."""
    try:
        yield
    except Exception as fault:
        log.warning("undone_after_claim", what=what, error=repr(fault), exc_info=fault)
