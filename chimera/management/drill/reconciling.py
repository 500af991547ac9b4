"""`manage.py reconcile --json` by the drill's clock: which days the mirror should hold is a question of the time."""

from pathlib import Path

from django.core.management import call_command

from chimera.management.drill.orders import Follower


def run(orders: str) -> None:
    Follower(Path(orders))
    call_command("reconcile", json=True)
