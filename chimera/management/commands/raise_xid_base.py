"""`manage.py raise_xid_base`: after a restore, a point-in-time recovery or a promotion, before anything else starts."""

from typing import Any

from django.core.management.base import BaseCommand

from chimera.kernel import xidbase


class Command(BaseCommand):
    help = (
        "Lets new events come after all old ones again. Run it once after a restore or a promotion; more does no harm."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        before, after = xidbase.raise_base()
        state = "behind the log's end" if before.is_behind else "after the log's end already"
        self.stdout.write(
            f"New positions began at {before.present}, {state} ({before.highest}); they begin at {after.present} now."
        )
