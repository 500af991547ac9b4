"""When a rule holds: weekdays and hours of a time zone."""

from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time(value: Any) -> time:
    try:
        found = datetime.strptime(value, "%H:%M").time() if isinstance(value, str) and len(value) == 5 else None  # noqa: DTZ007
    except ValueError:
        found = None
    if found is None:
        raise PydanticCustomError("time", "Must be a time of the day such as 09:00.")
    return found


def _zone(value: Any) -> str:
    if not isinstance(value, str) or value not in available_timezones():
        raise PydanticCustomError("time_zone", "Must be a time zone of IANA's, such as Europe/Lisbon.")
    return value


TimeOfDay = Annotated[time, PlainValidator(_time), PlainSerializer(lambda at: f"{at:%H:%M}", when_used="json")]


class Hours(BaseModel):
    """From `from` until before `to` on these weekdays; past midnight where `to` is not later, counted to the day it began.

    `outside` turns it round.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = WEEKDAYS
    from_: TimeOfDay = Field(default=time(0), alias="from")
    to: TimeOfDay = time(0)
    time_zone: Annotated[str, PlainValidator(_zone)]
    outside: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _each_day_once(self) -> "Hours":
        if len(set(self.weekdays)) != len(self.weekdays):
            raise PydanticCustomError("twice", "Names a weekday twice.")
        return self

    @property
    def is_empty(self) -> bool:
        return self.outside and self.from_ == self.to and len(self.weekdays) == len(WEEKDAYS)

    def hold(self, at: datetime) -> bool:
        return self._within(at) is not self.outside

    def _within(self, at: datetime) -> bool:
        here = at.astimezone(ZoneInfo(self.time_zone))
        today, clock = WEEKDAYS[here.weekday()], here.time()
        if self.from_ < self.to:
            return today in self.weekdays and self.from_ <= clock < self.to
        yesterday = WEEKDAYS[(here - timedelta(days=1)).weekday()]
        return (today in self.weekdays and clock >= self.from_) or (yesterday in self.weekdays and clock < self.to)
