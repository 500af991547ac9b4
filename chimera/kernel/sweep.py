"""Sweeps: many things, each in a transaction of its own; one that fails holds nobody else up."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from chimera.kernel import tenancy
from chimera.kernel.errors import Refused
from chimera.kernel.relay.slow_lane import is_outage

log = structlog.get_logger()


class Incomplete(Exception):
    """Some of a sweep did not go through."""


def one_by_one(found: Iterable[tuple[Any, ...]], step: Callable[..., object]) -> int:
    """For each (tenant_id, …) call `step(…)` in a transaction bound to its tenant; answers how many went through.

    What is refused or fails is logged, and is still there for the next sweep. When PostgreSQL is away the sweep ends:
    raises.
    """
    done = 0
    for tenant_id, *rest in found:
        try:
            with tenancy.bound(tenant_id):
                step(*rest)
        except Refused as refusal:
            log.info("sweep_passed_over", step=_name(step), item=[str(part) for part in rest], why=str(refusal))
        except Exception as fault:
            if is_outage(fault):
                raise
            log.exception("sweep_failed", step=_name(step), item=[str(part) for part in rest])
        else:
            done += 1
    return done


def every_one(found: Sequence[tuple[Any, ...]], step: Callable[..., object]) -> None:
    """The same for a reaction, which nobody sweeps after: raises at the end unless all went through, to be tried again."""
    if (done := one_by_one(found, step)) < len(found):
        raise Incomplete(f"{_name(step)} went through for {done} of {len(found)}; the log says why")


def _name(step: Callable[..., object]) -> str:
    return str(getattr(step, "func", step).__name__)  # a partial has its function's name
