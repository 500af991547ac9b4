"""Query parameters: a door says which ones it knows, the OpenAPI document lists them, and any other is refused by name.

A filter that is spelt wrongly would else let everything through.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from chimera.kernel.errors import Refused

Known = OpenApiParameter | type[serializers.Serializer]
NAMED_MAX = 10  # refused ones that an answer repeats


def check_asked(request: Request, knows: Sequence[Known]) -> None:
    """422 `unknown_parameter` for one that the door does not know, `repeated_parameter` for one that stands twice."""
    known = _names(tuple(knows))
    if odd := [name for name in request.query_params if name not in known]:
        there_are = f"the query parameters are: {', '.join(sorted(known))}" if known else "it takes no query parameters"
        raise _refused(odd, f"This call knows no {{}}; {there_are}.", "unknown_parameter")
    if twice := [name for name, values in request.query_params.lists() if len(values) > 1]:
        raise _refused(twice, "{} stands twice; say it once.", "repeated_parameter")


@cache
def _names(knows: tuple[Known, ...]) -> frozenset[str]:
    return frozenset(name for each in knows for name in _of(each))


def _of(each: Known) -> Iterable[str]:
    return [each.name] if isinstance(each, OpenApiParameter) else each().fields


def _refused(names: Sequence[str], sentence: str, code: str) -> Refused:
    shown = [name[:60] for name in names[:NAMED_MAX]]
    errors = [{"field": name, "code": code, "message": sentence.format(f"`{name}`")} for name in shown]
    return Refused(errors[0]["message"], code=code, status=422, errors=errors)
