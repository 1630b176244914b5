"""A billing file is checked and people read what to fix."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ValidationsConfig(AppConfig):
    name = "validations"
    verbose_name = _("Validations")

    def ready(self) -> None:
        """Listen to the jobs that check files and to the end of migrations; know the texts of staff's own rules."""
        from validations import ownrules, profiles, receivers  # noqa: F401, PLC0415 -- importing them connects them
