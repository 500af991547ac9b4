"""Closed sets as the choices of a field."""

from enum import StrEnum


def values(closed: type[StrEnum]) -> list[str]:
    return [member.value for member in closed]
