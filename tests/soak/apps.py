"""The app whose tasks leave an effect in the database."""

from pathlib import Path

from django.apps import AppConfig


class SoakConfig(AppConfig):
    name = "tests.soak"
    label = "soak"
    path = str(Path(__file__).parent)
    default_auto_field = "django.db.models.BigAutoField"
