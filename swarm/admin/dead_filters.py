"""Filters of the dead letters by what stands in them. Their choices come from the newest ones, not from the whole table."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.http import HttpRequest

from chimera.kernel.console.filters import CHOICES_MAX
from swarm.models import Task
from swarm.states import TaskStatus

LOOKED_AT_MAX = 1_000  # the newest dead letters, whose values are offered


class _Values(admin.SimpleListFilter):
    column: Any = ""  # what is read
    lookup = ""  # what is asked for

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """As many as there are in the newest, by name; the chosen one always."""
        newest = Task.objects.filter(status=TaskStatus.FAILED).order_by("-pk")
        found = {str(value) for value in newest.values_list(self.column, flat=True)[:LOOKED_AT_MAX] if value}
        shown = sorted(found)[:CHOICES_MAX]
        if (chosen := self.value()) and chosen not in shown:
            shown.append(chosen)
        return [(value, value) for value in shown]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.lookup: self.value()}) if self.value() else queryset


class ErrorCodes(_Values):
    title = "error"
    parameter_name = "code"
    column = KT("error__code")
    lookup = "error__code"


class Types(_Values):
    title = "type"
    parameter_name = "type"
    column = "type"
    lookup = "type"
