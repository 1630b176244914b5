"""A billing file is checked and people read what to fix."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ValidationsConfig(AppConfig):
    name = "validations"
    verbose_name = _("Validations")

    def ready(self) -> None:
        """Listen to jobs and migrations; know what can be downloaded, and the texts of staff's own rules."""
        from validations import exports, ownrules, profiles, receivers  # noqa: F401, PLC0415 -- importing them connects them

        exports.load()
