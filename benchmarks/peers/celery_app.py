"""The Celery application, as "First steps with Django" of its manual has it."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.settings")

app = Celery("peers")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task
def empty() -> None:
    """Do nothing."""
