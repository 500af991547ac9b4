"""What policies in shadow would have done: kept where it is not what happened."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from chimera.kernel import clock, ids
from safety.models import ShadowVerdict
from safety.policies import Kind, Then
from safety.policies.engine import Acting
from safety.reasons import Reason

KEPT = timedelta(days=90)  # as long as tasks
SWEPT_MAX = 5_000  # rows of one transaction


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A policy in shadow that would have decided otherwise."""

    policy: Acting
    would_be: Then
    reasons: tuple[Reason, ...]


def keep(
    *, kind: Kind, subject_id: UUID, task_id: UUID, agent_id: UUID | None, was: Then, others: Iterable[Otherwise]
) -> None:
    ShadowVerdict.objects.bulk_create(
        ShadowVerdict(
            policy_id=one.policy.policy_id,
            policy_version=one.policy.version,
            kind=kind,
            subject_id=subject_id,
            task_id=task_id,
            agent_id=agent_id,
            was=was,
            would_be=one.would_be,
            reasons=[reason.shape() for reason in one.reasons],
        )
        for one in others
        if one.would_be is not was
    )


def sweep() -> int:
    """Forget those older than KEPT, at most SWEPT_MAX; how many. Runs as chimera_system."""
    old = ShadowVerdict.objects.filter(pk__lt=ids.first_of(clock.now() - KEPT)).values_list("pk", flat=True)
    number, _ = ShadowVerdict.objects.filter(pk__in=list(old[:SWEPT_MAX])).delete()
    return number
