"""What several shapes share."""

from typing import Any

from chimera.kernel.http.parsing import (
    StrictSerializer,
    TextField,
)
from chimera.kernel.identity import AGENT_ROLES

ROLES = sorted(r.value for r in AGENT_ROLES)


def choices(enum: Any) -> list[str]:
    return [str(member.value) for member in enum]


class Reason(StrictSerializer):
    reason = TextField(max_length=2000, required=False, allow_blank=True, default="")
