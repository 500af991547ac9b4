"""What the console's templates say with `{% load console %}`."""

from datetime import datetime
from typing import Any

from django import template

from chimera.kernel.console import show

register = template.Library()
register.simple_tag(show.label, name="label")
register.filter("pretty", show.pretty)
register.filter("usd", show.usd)
register.filter("short", show.short)


@register.filter
def moment(at: Any) -> Any:
    return show.moment(at)


@register.filter
def due(at: Any) -> Any:
    """Red once it has passed."""
    return show.moment(at, due=True)


@register.filter
def since(text: str | None) -> Any:
    """The same for a moment that JSON has kept as text."""
    return show.moment(datetime.fromisoformat(text) if text else None)
