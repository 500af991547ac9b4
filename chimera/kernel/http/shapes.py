"""Answers in the shapes that are declared for them."""

from functools import cache
from typing import Any

from rest_framework.serializers import Serializer


def shown(shape: type[Serializer[Any]], thing: object) -> dict[str, Any]:
    """As `shape(thing).data`, by fields that are made once: a serializer copies its own, and those of all below it, each time."""
    found: dict[str, Any] = _only(shape).to_representation(thing)
    return found


@cache
def _only(shape: type[Serializer[Any]]) -> Serializer[Any]:
    return shape()
