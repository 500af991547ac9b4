"""Policies as the API and the command line show them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chimera.kernel import clock
from safety.models import Policy, PolicyVersion
from safety.serializers import PolicyDetailShape, PolicyShape, PolicyVersionShape

STOPPED_WITHIN = timedelta(days=7)


def policies(rows: Sequence[Policy]) -> list[dict[str, Any]]:
    return list(PolicyShape(rows, many=True).data)


def policy(row: Policy, acting: PolicyVersion) -> dict[str, Any]:
    row.rules = acting.rules  # type: ignore[attr-defined]
    row.would_have_stopped_7d = would_have_stopped(row)  # type: ignore[attr-defined]
    return dict(PolicyDetailShape(row).data)


def versions(rows: Sequence[PolicyVersion]) -> list[dict[str, Any]]:
    return list(PolicyVersionShape(rows, many=True).data)


def would_have_stopped(row: Policy) -> int:
    """What passed within the last seven days, and would not have with this policy."""
    number: int = row.shadows.stopping(clock.now() - STOPPED_WITHIN).count()
    return number
