"""How the admin looks and what its sidebar lists (django-unfold)."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Chimera",
    "SITE_HEADER": "Chimera",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
}
