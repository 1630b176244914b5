"""The composition root as a Django app: it holds the commands that start the whole system."""

from importlib import import_module

from django.apps import AppConfig

from config.folders import make_folders


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Register the checks of the settings, and make the folders that one of Django's own asks for."""
        import_module("config.checks")
        make_folders()
