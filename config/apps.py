"""The composition root as a Django app: it holds the commands that start the whole system."""

from django.apps import AppConfig
from django.utils.module_loading import import_module


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Register the checks of the settings."""
        import_module("config.checks")
