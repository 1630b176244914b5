"""What a running task sees of its job: who it is, how to report, and when to stop."""

import json
import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, connection

from jobs import lifecycle
from jobs.errors import CancelledError, FencedError, HandBackError, TimeLimitError
from jobs.lifecycle import Record
from jobs.models import Job

logger = logging.getLogger("jobs.task")

# Twice a second is as fast as a person sees a bar move.
PROGRESS_INTERVAL_SECONDS = 0.5
# The name of the worker where a job runs in the process that asked for it, because there is no Redis.
INLINE = "inline"
# The log of an attempt is for reading; a task that writes more is cut off with a note.
LONGEST_LOG_LINES = 500
LONGEST_MESSAGE = 200

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class StopFlag:
    """Says whether the process was asked to stop; set by a signal handler."""

    def __init__(self) -> None:
        self.is_set = False

    def set(self, *_: object) -> None:
        """Ask; takes what a signal handler is given."""
        self.is_set = True


class RunningJob:
    """One attempt of a job, as its task sees it."""

    def __init__(self, row: Job, stop: StopFlag, *, claimed_at: float | None = None) -> None:
        self.id = row.pk
        self.task = row.task
        self.attempt = row.attempt
        self.max_attempts = row.max_attempts
        self.tenant_id = row.tenant_id
        self.fence = row.fence
        # Whether it runs where it was asked for, and no worker got it.
        self.is_direct = row.worker == INLINE
        # Small JSON that is stored with the succeeded job; a task may also return it.
        self.result: dict[str, Any] | None = None
        # Whether `completing` has committed: then nothing that follows changes the job's end.
        self.settled = False
        self._row = row
        self._stop = stop
        self._ends_at = time.monotonic() + row.timeout_seconds
        self._completing = False
        self._progress: dict[str, Any] = {}
        self._wrote_at = 0.0
        self._looked_at = 0.0
        self._log: list[dict[str, Any]] = []
        # By the monotonic clock; an attempt may have waited for others since its claim.
        self._claimed_at = claimed_at
        self._began_at = time.monotonic()
        self._usage = _Usage()

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Store how far the task is, at most twice a second, and stop here if that was asked for.

        Raises: what `checkpoint` raises.
        """
        self._progress = {
            "progress_done": done,
            "progress_total": total,
            "progress_message": message[:LONGEST_MESSAGE],
        }
        if self._completing or self.settled:
            return
        if time.monotonic() - self._wrote_at >= PROGRESS_INTERVAL_SECONDS:
            self._write_progress()
        self.checkpoint()

    def checkpoint(self) -> None:
        """Return if the task may go on.

        Raises: CancelledError, HandBackError, FencedError or TimeLimitError when it has to end here; no
        `except Exception` catches them.
        """
        if self._completing or self.settled:
            return
        if self._stop.is_set:
            raise HandBackError
        now = time.monotonic()
        if now > self._ends_at:
            raise TimeLimitError
        if now - self._looked_at >= PROGRESS_INTERVAL_SECONDS:
            self._looked_at = now
            self._look()

    def log(self, message: str, level: str = "info", **fields: Any) -> None:
        """Keep a line with the attempt and write it to the log. Never with the value of a cell."""
        fields = {name: _storable(value) for name, value in fields.items()}
        message = str(_storable(message))[:500]
        self._log_through(message, level, fields)
        if len(self._log) < LONGEST_LOG_LINES:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._log.append({"at": at, "level": level, "message": message, **fields})
        elif len(self._log) == LONGEST_LOG_LINES:
            self._log.append({"level": "warning", "message": "further lines were left out"})

    @contextmanager
    def completing(self) -> Iterator[None]:
        """A transaction that settles the job together with the block's own writes: all of it, or nothing.

        Raises: FencedError, before the block runs, when another worker has the job by now.
        """
        self._completing = True
        try:
            with lifecycle.succeeding(self._row):
                yield
                lifecycle.finish_success(self._row, self.record(), result=self.result, **self._progress)
        finally:
            self._completing = False
        self.settled = True

    def record(self, **error: Any) -> Record:
        """What the attempt's row keeps of this try."""
        return Record(**error, **self._when(), **self._usage.spent(), log=self._log)

    def _when(self) -> dict[str, Any]:
        if self._claimed_at is None:
            return {}
        return {
            "began_after_seconds": self._began_at - self._claimed_at,
            "ran_seconds": time.monotonic() - self._began_at,
        }

    @property
    def last_progress(self) -> dict[str, Any]:
        """The progress columns as last reported, written or not."""
        return self._progress

    def _write_progress(self) -> None:
        self._wrote_at = time.monotonic()
        try:
            lifecycle.report_progress(self.id, self.fence, self._progress)
        except DatabaseError as error:
            self._pass_over(error)

    def _look(self) -> None:
        try:
            row = Job.objects.filter(pk=self.id).values("fence", "status", "cancel_requested_at").first()
        except DatabaseError as error:
            self._pass_over(error)
            return
        if row is None or row["fence"] != self.fence or row["status"] not in ("running", "succeeded"):
            raise FencedError
        if row["cancel_requested_at"] is not None:
            raise CancelledError

    def _pass_over(self, error: DatabaseError) -> None:
        """Go on without this look or write, unless it was the task's own transaction that broke."""
        if connection.in_atomic_block:
            raise error
        logger.warning(
            "The database did not answer in passing: %s", type(error).__name__, extra=self._extra()
        )
        connection.close()

    def _log_through(self, message: str, level: str, fields: dict[str, Any]) -> None:
        shown = "".join(f" {name}={value}" for name, value in fields.items())
        logger.log(_LEVELS.get(level, logging.INFO), "%s%s", message, shown, extra=self._extra())

    def _extra(self) -> dict[str, Any]:
        return {"action": "task", "job_id": self.id, "task": self.task, "attempt": self.attempt}


def _storable(value: Any) -> Any:
    """The value as every database keeps it in JSON: one that cannot be kept there is kept as a text.

    Otherwise the end of a task could not be written because of what it had said on the way.
    """
    try:
        if not isinstance(value, str) and "\\u0000" not in json.dumps(value, allow_nan=False):
            return value
    except (TypeError, ValueError):
        pass
    # PostgreSQL takes no NUL, and UTF-8 no half of a character.
    return str(value).replace("\x00", "").encode(errors="replace").decode()


class _Usage:
    """CPU time and memory since the attempt began, of this process and the children it waited for."""

    def __init__(self) -> None:
        self._cpu_before, _peak = _used()

    def spent(self) -> dict[str, Any]:
        """The two columns of the attempt."""
        cpu_seconds, peak_bytes = _used()
        return {"peak_memory_bytes": peak_bytes, "cpu_seconds": round(cpu_seconds - self._cpu_before, 3)}


def _used() -> tuple[float, int]:
    """CPU seconds, and the peak in bytes, of this process and of the children that it waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    # The kernel counts resident memory in KiB.
    return cpu_seconds, max(own.ru_maxrss, children.ru_maxrss) * 1024
