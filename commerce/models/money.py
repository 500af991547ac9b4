"""Columns and rules of amounts: exact decimals, six places, in US dollars."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

MOST = (
    Decimal(10) ** 13
)  # Below numeric(20,6)'s own end; an upper bound also keeps out NaN, which PostgreSQL counts as larger than all.


def usd(**options: Any) -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=20, decimal_places=6, **options)


def not_negative(*names: str) -> Q:
    """None of these amounts is negative or NaN; a null one passes."""
    rule = Q()
    for name in names:
        rule &= Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": 0, f"{name}__lte": MOST})
    return rule
