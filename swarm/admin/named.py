"""The list of what has a name and a status: found by name, newest first."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from chimera.kernel.console.rows import RowsAdmin
from swarm.admin import looks


class NamedAdmin(RowsAdmin):
    viewers = looks.VIEWERS
    search_fields = ("name__icontains",)
    search_help_text = "Name or id"
    ordering: tuple[str, ...] = ("-pk",)

    @admin.display(description="Status")
    def status_shown(self, row: Any) -> SafeString:
        return looks.status(row.status)
