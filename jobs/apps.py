"""The platform as a Django app: at start-up it imports every app's tasks and checks the settings."""

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from jobs.roles import sync_roles


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        """All tasks are known, all checks registered, and ends of jobs are followed up."""
        autodiscover_modules("tasks")
        import_module("jobs.followups")
        import_module("jobs.checks")
        admission = import_module("jobs.admission")
        post_migrate.connect(admission.fit_starts_to_table, sender=self, dispatch_uid="jobs.fit_starts")
        post_migrate.connect(sync_roles, sender=self, dispatch_uid="jobs.sync_roles")
        # Imported here and not above: it needs the models.
        sync_shipped = import_module("jobs.schedules").sync_shipped
        post_migrate.connect(sync_shipped, sender=self, dispatch_uid="jobs.sync_shipped", weak=False)
