"""The reviewers' queue as a list: its views, how many cards are in each, and what is new to whom."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chimera.kernel import clock
from chimera.kernel.console.caller import principal
from safety.counts import COUNTED_MAX, counts_for
from safety.models import ReviewCard


class StandingFilter(admin.SimpleListFilter):
    """Waiting cards, unless something else is asked for."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("mine", "I am at it"),
            ("unclaimed", "nobody is at it"),
            ("due", "due soon"),
            ("new", "new to me"),
            ("decided", "decided"),
            ("judge", "with a judge"),
            ("all", "all"),
        ]

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        return [{**first, "display": "waiting"}, *rest]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        rows: QuerySet[Any]
        me, at = int(principal(request).id), clock.now()
        match self.value():
            case "all":
                rows = queryset.order_by("-pk")
            case "decided":
                rows = queryset.over()
            case "judge":
                rows = queryset.at_judge()
            case "mine":
                rows = queryset.held_by(me, at)
            case "unclaimed":
                rows = queryset.free(at)
            case "due":
                rows = queryset.due_soon(at)
            case "new":
                rows = queryset.unseen_by(me)
            case _:
                rows = queryset.waiting()
        return rows


def counts(request: HttpRequest) -> dict[str, str]:
    """How many cards this person is at, are due soon, and are new to this person, as the views' links show it; "" for none."""
    found = counts_for(int(principal(request).id))
    return {"mine": in_words(found.mine), "due": in_words(found.due_soon), "new": in_words(found.unseen)}


def in_words(number: int) -> str:
    return f"{COUNTED_MAX}+" if number > COUNTED_MAX else str(number or "")


def waiting_badge(request: HttpRequest) -> str:
    """For the sidebar. In the index's order, as all that is counted here."""
    return in_words(ReviewCard.objects.waiting()[: COUNTED_MAX + 1].count())
