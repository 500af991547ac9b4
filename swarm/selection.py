"""Which tasks somebody means: the filter that bulk calls and the operator's commands share."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chimera.kernel import ids
from chimera.kernel.errors import invalid
from swarm.models import Task
from swarm.states import TaskStatus

_EPOCH = datetime.fromtimestamp(0, UTC)  # ids begin here; an earlier bound means the same


@dataclass(frozen=True, kw_only=True)
class TaskFilter:
    """What is None or '' is not asked for. `created_after` is inclusive, `created_before` is not."""

    session: UUID | None = None
    campaign: UUID | None = None
    status: TaskStatus | None = None
    type: str = ""
    role: str = ""
    error_code: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None

    def check(self) -> None:
        """422 for a filter that lets everything through, or nothing."""
        if not any(getattr(self, each.name) for each in fields(self)):
            names = ", ".join(each.name for each in fields(self))
            raise invalid(f"Say which tasks: name at least one of {names}.", field_name="filter", code="filter_empty")
        if self.created_after and self.created_before and self.created_after >= self.created_before:
            raise invalid("`created_after` must be earlier than `created_before`.", field_name="filter.created_after")

    def rows(self) -> Any:
        """Times bound the id, because only the id prunes partitions."""
        asked = {
            "session_id": self.session,
            "session__campaign_id": self.campaign,
            "status": self.status,
            "type": self.type,
            "role": self.role,
            "error__code": self.error_code,
            "pk__gte": self.created_after and ids.first_of(max(self.created_after, _EPOCH)),
            "pk__lt": self.created_before and ids.first_of(max(self.created_before, _EPOCH)),
        }
        return Task.objects.filter(**{name: value for name, value in asked.items() if value})
