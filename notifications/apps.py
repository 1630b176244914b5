"""Telling people what happened."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        """Load the channels and listen to what other apps announce."""
        # Importing the receivers connects them.
        from notifications import channels, receivers  # noqa: F401, PLC0415 -- apps.py is read before the models are

        channels.load()
