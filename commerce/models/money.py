"""Columns and rules of amounts: exact decimals, six places, in US dollars."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

# Below the end of numeric(20,6). An upper bound also keeps out NaN, which PostgreSQL counts as larger than all.
MOST = Decimal(10) ** 13


def usd(**options: Any) -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=20, decimal_places=6, **options)


def usd_or_none(**options: Any) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return models.DecimalField(max_digits=20, decimal_places=6, null=True, **options)


def not_negative(*names: str) -> Q:
    """None of these amounts is negative or NaN; a null one passes."""
    rule = Q()
    for name in names:
        rule &= Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": 0, f"{name}__lte": MOST})
    return rule
