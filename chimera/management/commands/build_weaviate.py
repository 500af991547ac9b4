"""`manage.py build_weaviate` (`make weaviate`): Weaviate's binary, compiled once, for `make up` and `make test`."""

import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chimera.kernel.embedded import AlreadyRunning
from chimera.kernel.embedded.building import BuildFailed, Progress, build
from chimera.kernel.embedded.weaviate import built

LINE_SECONDS = 20.0  # between two lines, where one line cannot be written over


class Command(BaseCommand):
    help = "Compiles Weaviate, the optional search index, once: three minutes on two cores, by Go 1.26 or newer."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if built(settings.HOME).exists():
            self.stdout.write(f"Weaviate is there: {built(settings.HOME)}")
            return
        self._told_at = 0.0
        try:
            binary = build(settings.HOME, self._tell)
        except (AlreadyRunning, BuildFailed) as failure:
            raise CommandError(str(failure)) from None
        except KeyboardInterrupt:
            raise CommandError("stopped; what was compiled is kept, and the next call goes on") from None
        finally:
            self._end_line()
        self.stdout.write(f"Weaviate is there: {binary}; `make up` starts it, and searches use it")

    def _tell(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told_at < (0.1 if sys.stdout.isatty() else LINE_SECONDS):
            return
        self._told_at = now
        self.stdout.write(
            f"\r\033[K{progress}" if sys.stdout.isatty() else str(progress), ending="" if sys.stdout.isatty() else "\n"
        )
        self.stdout.flush()

    def _end_line(self) -> None:
        if self._told_at and sys.stdout.isatty():
            self.stdout.write("")
