"""The doors of money."""

from rest_framework.request import Request

from chimera.kernel.identity import Principal


def caller(request: Request) -> Principal:
    """Whom `MayCall` has let in."""
    principal: Principal = request.user  # type: ignore[assignment]
    return principal
