"""The row that says that a worker lives: written by its parent every few seconds."""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence

import psutil
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from jobs.models import WorkerProcess
from jobs.workers.database import in_database

logger = logging.getLogger(__name__)

# How often the row is written.
INTERVAL_SECONDS = 5.0


class Presence:
    """What one worker says of itself."""

    def __init__(self, name: str, queues: Sequence[str]) -> None:
        self.jobs_done = 0
        self._name = name[:100]
        self._queues = list(queues)
        self._process = psutil.Process()
        self._written_at = 0.0
        self._said_stopping = False

    def begin(self) -> None:
        """Appear, in the place of an earlier worker of the same name."""
        self._write(started_at=Now(), stopping_at=None, ended_at=None)

    def show(self, *, is_stopping: bool) -> None:
        """Renew the row if it is time to, and at once when the worker begins to stop."""
        if is_stopping and not self._said_stopping:
            self._said_stopping = True
            self._write(stopping_at=Now())
        elif time.monotonic() - self._written_at >= INTERVAL_SECONDS:
            self._write()

    def end(self) -> None:
        """Say that the worker ended in order."""
        self._write(ended_at=Now())

    def _write(self, **times: Now | None) -> None:
        self._written_at = time.monotonic()
        told = {
            "host": socket.gethostname()[:100],
            "pid": os.getpid(),
            "queues": self._queues,
            "version": settings.JOBS_VERSION[:50],
            "seen_at": Now(),
            "jobs_done": self.jobs_done,
            "memory_bytes": self._process.memory_info().rss,
            **times,
        }
        self._safely(
            lambda: WorkerProcess.objects.bulk_create(
                # A row that was removed meanwhile begins anew.
                [WorkerProcess(name=self._name, **{"started_at": Now(), **told})],
                update_conflicts=True,
                unique_fields=["name"],
                update_fields=list(told),
            )
        )

    def _safely(self, step: Callable[[], object]) -> None:
        try:
            in_database(step)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            logger.info("Worker %s: could not say that it lives (%s)", self._name, type(error).__name__)
