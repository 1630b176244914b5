"""An app of tasks that exist for the tests of the platform."""

from pathlib import Path

from django.apps import AppConfig


class ProbeConfig(AppConfig):
    name = "tests.support.probe"
    label = "probe"
    path = str(Path(__file__).parent)
