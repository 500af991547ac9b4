"""Pages under docs/ that are generated from the code, and compared with it in `make check`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class GeneratedPage(BaseCommand):
    """A command that writes `path`, or with --check fails when it is stale."""

    path = ""
    requires_system_checks: list[str] = []

    def content(self) -> str:
        raise TypeError("a page says its content")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when the page is stale")

    def handle(self, *args: Any, **options: Any) -> None:
        page, fresh = settings.BASE_DIR / self.path, self.content()
        if not options["check"]:
            page.write_text(fresh)
        elif not page.exists() or page.read_text() != fresh:
            raise CommandError(f"{self.path} is stale; run `make docs` and commit it")
