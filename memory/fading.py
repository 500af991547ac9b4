"""Fading: what a tenant lets go of by itself. Pure, but for the condition that asks the database.

A memory's strength is what it weighs, halved with every half-life of its category since its words last came:

    strength = importance_score · 2^(−days since seen_at / half_life_days[category])

the exponential forgetting that the retrieval of generative agents uses for recency (Park et al., Generative Agents, 2023, 4.1), with a rate
for each category. It fades below the floor, or past the greatest age of its category. What weighs `keep_importance` or more never fades,
nothing does within its first day, and where the policy says nothing, nothing does.
"""

from datetime import datetime, timedelta
from functools import reduce
from math import log
from operator import or_
from typing import Annotated, Any

from django.db.models import DurationField, ExpressionWrapper, F, FloatField, Func, Q, Value
from django.db.models.functions import Cast, Greatest, Ln
from django.db.models.lookups import GreaterThan
from pydantic import BaseModel, ConfigDict, Field

from memory.models.record import Category

DAYS_MAX = 36_500  # a hundred years; longer is for ever, and is not said
YOUNGEST = timedelta(days=1)  # a memory that is seen every day never fades before it was asked for once
DAY_SECONDS = 86_400
_TINY = 0.00005  # half of the smallest importance that can be said: zero has no logarithm

Days = Annotated[float, Field(ge=1, le=DAYS_MAX, allow_inf_nan=False)]


class Fading(BaseModel):
    """What is said of it in a policy, as it is stored; nothing fades unless it is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    half_life_days: dict[Category, Days] = {}
    max_age_days: dict[Category, Days] = {}
    floor: Annotated[float, Field(ge=0.0001, le=1, allow_inf_nan=False)] = 0.05
    keep_importance: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.9

    @property
    def does(self) -> bool:
        return bool(self.half_life_days or self.max_age_days)

    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json") if self.does else {}


def strength(*, importance: float, days: float, half_life_days: float) -> float:
    """The formula, for whoever is to read it."""
    return float(importance * 2 ** (-days / half_life_days))


def faded(fading: Fading, at: datetime) -> Q:
    """Which memories have faded by then. By logarithms, since 2^(−a hundred years) is no number that PostgreSQL has."""
    of_any = [
        Q(category=category, seen_at__lte=at - timedelta(days=days)) for category, days in fading.max_age_days.items()
    ]
    for category, half_life in fading.half_life_days.items():
        weight = Greatest(Cast("importance_score", FloatField()), Value(_TINY))
        lasts = (Ln(weight) - Value(log(fading.floor))) * Value(half_life / log(2))
        of_any.append(Q(category=category) & Q(GreaterThan(_days_since(at), lasts)))
    if not of_any:
        return Q(pk__in=[])
    return Q(reduce(or_, of_any), importance_score__lt=fading.keep_importance, seen_at__lte=at - YOUNGEST)


def _days_since(at: datetime) -> Any:
    age = ExpressionWrapper(Value(at) - F("seen_at"), output_field=DurationField())
    seconds = Func(age, template="EXTRACT(epoch FROM %(expressions)s)::float8", output_field=FloatField())
    return seconds / Value(float(DAY_SECONDS))
