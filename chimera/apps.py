"""The composition root: the one place that knows all apps, and hands the kernel what it cannot know."""

import gc

from django.apps import AppConfig


class ChimeraConfig(AppConfig):
    name = "chimera"
    verbose_name = "Chimera"

    def ready(self) -> None:
        from chimera import checks  # noqa: F401  (registers the system checks)
        from chimera.flows import reactions

        reactions.register()
        gc.freeze()
