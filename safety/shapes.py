"""Policies as the API and the command line show them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count

from chimera.kernel import clock
from safety.models import Policy, PolicyVersion, ShadowVerdict
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
    return would_have_stopped_each([row]).get(row.pk, 0)


def would_have_stopped_each(rows: Sequence[Policy]) -> dict[UUID, int]:
    """The same for several, by policy; none for what none would have stopped."""
    found = ShadowVerdict.objects.filter(policy__in=rows).stopping(clock.now() - STOPPED_WITHIN)
    return dict(found.order_by().values("policy_id").annotate(number=Count("pk")).values_list("policy_id", "number"))
