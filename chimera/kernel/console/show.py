"""How values look: labels, moments, money, JSON. Everything answers HTML that is safe, or plain text."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from chimera.kernel import clock
from chimera.kernel.http.parsing import money_text

NOTHING = "–"
TONES = ("plain", "info", "good", "warn", "bad", "mark")


def label(text: object, tone: str = "plain", title: str = "") -> SafeString:
    if tone not in TONES:
        raise ValueError(f"there is no tone {tone!r}")
    return format_html('<span class="chm-label chm-{}" title="{}">{}</span>', tone, title, str(text).replace("_", " "))


def moment(at: datetime | None, *, due: bool = False) -> SafeString | str:
    """A time as people say it, with the exact one behind it; red once it is overdue."""
    if at is None:
        return NOTHING
    late = due and at <= clock.now()
    text = f"overdue by {span(clock.now() - at)}" if late else spoken(at)
    exact = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return format_html(
        '<time class="chm-moment{}" datetime="{}" title="{}">{}</time>',
        " chm-late" if late else "",
        at.isoformat(),
        exact,
        text,
    )


def spoken(at: datetime) -> str:
    away = at - clock.now()
    if abs(away) < timedelta(seconds=5):
        return "just now"
    return f"in {span(away)}" if away > timedelta() else f"{span(-away)} ago"


def span(length: timedelta) -> str:
    """The two largest units of a length of time: 3 h 58 min."""
    seconds = int(length.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3_600, seconds % 3_600 // 60
    if days:
        return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def link(address: str, text: object) -> SafeString:
    return format_html('<a class="chm-link" href="{}">{}</a>', address, text)


def usd(amount: Decimal | None) -> str:
    return NOTHING if amount is None else f"${money_text(amount)}"


def pretty(value: Any) -> str:
    """JSON for people: indented, with its letters as they are."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def short(text: str, most: int = 80) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def share(part: Decimal, whole: Decimal | None) -> int:
    """Percent of a bar, whole, from 0 to 100."""
    if not whole:
        return 100 if part else 0
    return max(0, min(100, int(part * 100 / whole)))
