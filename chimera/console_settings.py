"""How the admin looks and what its sidebar lists (django-unfold)."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _item(title: str, icon: str, page: str, **more: Any) -> dict[str, Any]:
    """Shown to those who may open the page."""

    def may_open(request: HttpRequest) -> bool:
        from chimera.kernel.console.site import site  # not before the apps are ready

        return site.opens(request, page)

    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{page}"), "permission": may_open, **more}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Chimera",
    "SITE_HEADER": "Chimera",
    "SITE_SUBHEADER": "chimera.kernel.console.caller.tenant_name",
    "SITE_SYMBOL": "graph_4",
    "SITE_URL": "",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("chimera/icon.svg")}],
    "SITE_DROPDOWN": "chimera.kernel.console.caller.tenant_links",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "swarm.admin.dashboard.index",
    "ACCOUNT": {
        "navigation": [
            {"title": "Second factor", "link": reverse_lazy("admin:second_factor")},
            {"title": "Your tokens", "link": reverse_lazy("admin:swarm_personaltoken_changelist")},
        ]
    },
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
                "items": [
                    _item("Today", "space_dashboard", "index"),
                    _item(
                        "Reviews",
                        "fact_check",
                        "safety_reviewcard_changelist",
                        badge="safety.admin.queue.waiting_badge",
                        badge_variant="warning",
                    ),
                    _item("Actions", "bolt", "safety_action_changelist"),
                    _item("Early decisions", "schedule_send", "safety_earlydecision_changelist"),
                ],
            },
            {
                "title": "Work",
                "items": [
                    _item("Sessions", "play_circle", "swarm_swarmsession_changelist"),
                    _item("Tasks", "task_alt", "swarm_task_changelist"),
                    _item("Dead letters", "mark_email_unread", "swarm_deadletter_changelist"),
                    _item("Campaigns", "flag", "swarm_campaign_changelist"),
                    _item("Schedules", "event_repeat", "swarm_schedule_changelist"),
                    _item("Agents", "smart_toy", "swarm_agentprofile_changelist"),
                    _item("Locks", "lock", "swarm_resourcelock_changelist"),
                    _item("Limits", "speed", "swarm_concurrencylimit_changelist"),
                    _item("Memories", "psychology", "memory_memoryrecord_changelist"),
                    _item("Personas", "theater_comedy", "memory_persona_changelist"),
                ],
            },
            {
                "title": "Money",
                "items": [
                    _item("Budgets", "savings", "commerce_budgetconfig_changelist"),
                    _item("Increases", "trending_up", "commerce_limitincrease_changelist"),
                    _item("Transactions", "payments", "commerce_transaction_changelist"),
                    _item("Statements", "request_quote", "commerce_statement_changelist"),
                ],
            },
            {
                "title": "House",
                "items": [
                    _item("Event log", "receipt_long", "kernel_event_changelist"),
                    _item(
                        "Parked events",
                        "inventory_2",
                        "kernel_parkedevent_changelist",
                    ),
                    _item("Policies", "policy", "safety_policy_changelist"),
                    _item("Memory policy", "psychology_alt", "memory_memorypolicy_changelist"),
                    _item("Erasures", "ink_eraser", "memory_memoryerasure_changelist"),
                    _item("Notifications", "notifications", "safety_notificationtarget_changelist"),
                    _item("Deliveries", "outgoing_mail", "safety_delivery_changelist"),
                    _item("Stops", "front_hand", "swarm_tenant_changelist"),
                    _item("Members", "group", "swarm_membership_changelist"),
                    _item("Accounts", "manage_accounts", "auth_user_changelist"),
                ],
            },
        ],
    },
}
