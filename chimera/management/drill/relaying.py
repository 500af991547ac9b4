"""A relay whose clock follows the drill's."""

from pathlib import Path

from django.core.management import call_command

from chimera.management.drill.orders import Follower


def run(orders: str) -> None:
    Follower(Path(orders))
    call_command("relay")
