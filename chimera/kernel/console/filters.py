"""Filters of lists whose choices stay few however many rows there are."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chimera.kernel.console import show

CHOICES_MAX = 20  # the newest ones; an older one is reached from its own page


def newest(field: str, title: str) -> type[admin.SimpleListFilter]:
    """A filter by a foreign key that offers the newest rows it can point to, and the chosen one."""

    class Newest(admin.SimpleListFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            related = model_admin.model._meta.get_field(field).related_model._default_manager
            rows = list(related.order_by("-pk")[:CHOICES_MAX])
            chosen = _uuid(self.value())
            if chosen and all(row.pk != chosen for row in rows):
                rows += list(related.filter(pk=chosen))
            return [(str(row.pk), show.short(str(row), 40)) for row in rows]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            if not self.value():
                return queryset
            chosen = _uuid(self.value())
            return queryset.filter(**{f"{field}_id": chosen}) if chosen else queryset.none()

    Newest.title = title  # type: ignore[assignment]
    return Newest


def exactly(field: str, title: str) -> type[admin.SimpleListFilter]:
    """A filter by a text that a person types, and that rows have letter by letter; it offers no choices, and so asks nothing."""

    class Exactly(admin.SimpleListFilter):
        parameter_name = field
        template = "console/text_filter.html"

        def has_output(self) -> bool:
            return True

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return []

        def choices(self, changelist: Any) -> Any:
            others = {name: said for name, said in changelist.params.items() if name != field}
            yield {"name": field, "value": self.value() or "", "others": others}

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            said = (self.value() or "").strip()
            return queryset.filter(**{field: said}) if said else queryset

    Exactly.title = title  # type: ignore[assignment]
    return Exactly


def _uuid(value: str | None) -> UUID | None:
    try:
        return UUID(value) if value else None
    except ValueError:
        return None
