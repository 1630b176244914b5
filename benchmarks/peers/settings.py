"""A Django project that does nothing but keep the rows of the two queues."""

import os
from urllib.parse import urlsplit

_database = urlsplit(os.environ["PEERS_DATABASE_URL"])

SECRET_KEY = "for-a-benchmark-only"  # noqa: S105 -- guards nothing
USE_TZ = True
INSTALLED_APPS = ["django_celery_results", "procrastinate.contrib.django", "benchmarks.peers"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": _database.username or "",
        "HOST": _database.hostname or "/var/run/postgresql",
        "PORT": str(_database.port or ""),
        # As Bordereau has it: nobody opens a connection for each job.
        "CONN_MAX_AGE": 60,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = os.environ["PEERS_REDIS_URL"]
CELERY_RESULT_BACKEND = "django-db"
# What a durable job needs beside a durable row: it is not forgotten when its process dies.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TRACK_STARTED = True
