"""The reviewers' queue as a list: its views, how many cards are in each, and what is new to whom."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chimera.kernel import clock, prepared
from chimera.kernel.console.caller import principal
from safety.models import CardKind, ReviewCard
from safety.queries import DUE_SOON
from safety.states import CardStatus

COUNTED_MAX = 99  # more than a person looks at; counting on would cost


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
                rows = queryset.exclude(status=CardStatus.PENDING).order_by("-pk")
            case "judge":
                rows = queryset.filter(status=CardStatus.PENDING, kind=CardKind.JUDGE).order_by("due_at", "pk")
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


_WAITING = "SELECT 1 FROM safety_reviewcard c WHERE status = 'pending' AND kind <> 'judge'"
# In the index's order: whoever looks for what is due in any other would look at everything where nothing is.
_COUNTS = f"""
    SELECT
        (SELECT count(*) FROM ({_WAITING} AND claimed_by_id = %(me)s::int AND claim_expires_at > %(at)s::timestamptz
            LIMIT %(most)s::int) subquery),
        (SELECT count(*) FROM ({_WAITING} AND due_at <= %(soon)s::timestamptz ORDER BY due_at, id
            LIMIT %(most)s::int) subquery),
        (SELECT count(*) FROM ({_WAITING} AND NOT EXISTS (
            SELECT 1 FROM safety_reviewseen s WHERE s.card_id = c.id AND s.person_id = %(me)s::int
        ) LIMIT %(most)s::int) subquery)
"""


def counts(request: HttpRequest) -> dict[str, str]:
    """How many cards this person is at, are due soon, and are new to this person, as the views' links show it; "" for none."""
    at = clock.now()
    asked = {"me": int(principal(request).id), "at": at, "soon": at + DUE_SOON, "most": COUNTED_MAX + 1}
    ((mine, due, new),) = prepared.ask(_COUNTS, asked)
    return {"mine": in_words(mine), "due": in_words(due), "new": in_words(new)}


def in_words(number: int) -> str:
    return f"{COUNTED_MAX}+" if number > COUNTED_MAX else str(number or "")


def waiting_badge(request: HttpRequest) -> str:
    """For the sidebar."""
    return in_words(ReviewCard.objects.waiting().order_by()[: COUNTED_MAX + 1].count())
