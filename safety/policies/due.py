"""How long a card may wait that a rule is about: reminders, to whom it then goes, and the end, at which it fails closed."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

MINUTES_MAX = 7 * 24 * 60  # a week: money waits with the card
REMINDERS_MAX = 5

Minutes = Annotated[int, Field(strict=True, ge=1, le=MINUTES_MAX)]
Widened = Literal["reviewer", "operator", "finance", "admin"]


class Due(BaseModel):
    """`minutes` after it began to wait it is over; the reminders, and the escalation, come so many minutes before that."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minutes: Minutes
    remind_minutes: Annotated[tuple[Minutes, ...], Field(min_length=1, max_length=REMINDERS_MAX)] | None = None
    escalate_minutes: Minutes | None = None
    escalate_to: Widened | None = None

    @model_validator(mode="after")
    def _within_its_time(self) -> "Due":
        if (self.escalate_to is None) != (self.escalate_minutes is None):
            raise PydanticCustomError("half", "`escalate_to` and `escalate_minutes` go together.")
        reminders = self.remind_minutes or ()
        if len(set(reminders)) != len(reminders):
            raise PydanticCustomError("twice", "Reminds twice at the same time.")
        if max((*reminders, self.escalate_minutes or 0)) >= self.minutes:
            raise PydanticCustomError(
                "too_early", "Reminders and the escalation come before the end, by less than `minutes`."
            )
        return self


def shortest(dues: Iterable[Due | None]) -> Due | None:
    """Of several the one that ends first, as a whole; None where no rule says anything."""
    return min((due for due in dues if due is not None), key=lambda due: due.minutes, default=None)
