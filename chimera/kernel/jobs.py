"""Work for the worker, asked for in the transaction that needs it: the worker sees it once that has committed."""

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued


def soon(name: str) -> bool:
    """Have the task of this name ("chimera.housekeeping.…") run as soon as a worker is free; False where it waits for one already."""
    try:
        with transaction.atomic():
            app.configure_task(name, queueing_lock=name).defer()
    except AlreadyEnqueued:
        return False
    return True
