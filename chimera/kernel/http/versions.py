"""Lost updates: a change names the version that it read, in the body or as If-Match; another one in between is a 409."""

import re

from rest_framework.request import Request

from chimera.kernel.errors import invalid

_TAG = re.compile(r'"?([0-9]{1,9})"?')


def expected_version(request: Request, in_body: int | None) -> int | None:
    """The version that must still stand, or None; 422 for an If-Match that is no version or contradicts the body."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return in_body
    tag = _TAG.fullmatch(header.strip())
    if tag is None:
        raise invalid('`If-Match` must be a version such as "3".', field_name="If-Match", code="invalid_if_match")
    named = int(tag.group(1))
    if in_body not in (None, named):
        raise invalid(
            "`If-Match` and the body name different versions.", field_name="If-Match", code="invalid_if_match"
        )
    return named
