"""The composition root as a Django app: it holds the commands that start the whole system."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
