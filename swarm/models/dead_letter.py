"""Failed tasks by the name that they have where people look after them."""

from swarm.models.task import Task


class DeadLetter(Task):
    """The same row as its task; a list of its own in the console, which shows those that failed."""

    class Meta:
        proxy = True
        verbose_name = "dead letter"
