"""Groups: many tasks of one tenant, those of them that touch nothing but themselves in one transaction together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from uuid import UUID

import structlog

from chimera.kernel import tenancy
from chimera.kernel.relay.slow_lane import is_outage

log = structlog.get_logger()
TOGETHER_MAX = 200  # tasks that are locked together: some 50 ms


def in_groups(task_ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    rest = iter(task_ids)
    while group := list(islice(rest, TOGETHER_MAX)):
        yield group


def together(tenant_id: UUID, task_ids: Sequence[UUID], step: Callable[[Sequence[UUID]], set[UUID]]) -> set[UUID]:
    """Which of the group `step` changed, in a transaction of its own; the others are left to be done one by one.

    A fault of one is not the others' fault: then all are left. Raises when PostgreSQL is away.
    """
    try:
        with tenancy.bound(tenant_id):
            return step(task_ids)
    except Exception as fault:
        if is_outage(fault):
            raise
        log.warning("group_goes_alone", tasks=len(task_ids), error=repr(fault))
        return set()
