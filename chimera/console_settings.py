"""How the admin looks and what its sidebar lists (django-unfold)."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _item(title: str, icon: str, page: str, permission: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{page}"), "permission": permission, **more}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Chimera",
    "SITE_HEADER": "Chimera",
    "SITE_SUBHEADER": "chimera.kernel.console.caller.tenant_name",
    "SITE_SYMBOL": "graph_4",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [lambda request: static("chimera/console.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.801)",
            "200": "oklch(91% .096 180.426)",
            "300": "oklch(85.5% .138 181.071)",
            "400": "oklch(77.7% .152 181.912)",
            "500": "oklch(65% .115 190)",
            "600": "oklch(52% .095 195)",
            "700": "oklch(45% .085 197)",
            "800": "oklch(38.5% .07 199)",
            "900": "oklch(33% .055 200)",
            "950": "oklch(25% .045 202)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "",
                "items": [
                    _item(
                        "Reviews",
                        "fact_check",
                        "safety_reviewcard_changelist",
                        "safety.admin.reviews.may_review",
                        badge="safety.admin.reviews.waiting_badge",
                        badge_variant="warning",
                    ),
                ],
            },
        ],
    },
}
