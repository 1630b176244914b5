"""The platform as a Django app: at start-up it imports every app's tasks and checks the settings."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        """All tasks are known and all checks registered."""
        autodiscover_modules("tasks")
        import_module("jobs.checks")
