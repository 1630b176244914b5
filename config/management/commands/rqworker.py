"""`rqworker` on a machine without a Redis server: the project's own is started first."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from config.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from jobs.management.commands.rqworker import Command as WorkerCommand


class Command(WorkerCommand):
    """The platform's worker; it brings the embedded Redis with it where no REDIS_URL is set."""

    def handle(self, *queues: str, **options: Any) -> None:
        """Work until told to stop; a Redis that this worker started ends with it."""
        if not settings.EMBEDDED_REDIS:
            super().handle(*queues, **options)
            return
        try:
            with EmbeddedRedis():
                super().handle(*queues, **options)
        except EmbeddedRedisError as error:
            raise CommandError(str(error)) from error
