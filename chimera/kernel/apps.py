from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "chimera.kernel"
    label = "kernel"
    verbose_name = "Kernel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chimera.kernel.relay import metrics

        metrics.register()
