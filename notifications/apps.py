"""Telling people what happened."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        """Listen to what other apps announce."""
        from notifications import receivers  # noqa: F401, PLC0415 -- importing it connects the receivers
