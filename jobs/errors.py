"""Every error of the platform, in two trees.

JobError
├── ArgumentsError          refused when a job is enqueued
├── BatchSealedError        refused when a job is added to a batch that takes no more
├── IllegalTransitionError  a status change that the state machine does not know
├── ScheduleError           a schedule that makes no job, as it stands
├── TimingError             no expression, interval or zone that a schedule could be of
├── PermanentError          raised by a task: the job failed, and trying again cannot help
├── RefusedError            raised by an app: a person cannot do this with its job, in words for that person
└── PostponeError           raised by a task: later, without spending an attempt

InterruptionError           ends an attempt from outside; no `except Exception` of a task can swallow it
├── CancelledError          somebody asked to cancel the job
├── FencedError             the job was given to another worker meanwhile
├── HandBackError           the worker is asked to stop
└── TimeLimitError          the time limit is over

The text of these errors is stored and shown to operators: it holds ids, codes and numbers, never a value of a
file. Messages of all other errors are not stored, since libraries quote values in theirs.
"""

from datetime import timedelta
from typing import Any


class JobError(Exception):
    """The base of what the platform and its tasks raise; apps subclass it to name a passing failure."""

    # Stored with the job when its last attempt ends with this error.
    code = ""


class ArgumentsError(JobError, TypeError):
    """The arguments do not fit the task's signature, or are not plain JSON."""


class BatchSealedError(JobError):
    """The batch takes no more jobs: it is sealed, cancelled or at its end."""


class IllegalTransitionError(JobError):
    """The job's status does not allow this."""


class RefusedError(JobError):
    """An app says no to what a person wants to do with one of its jobs; the text, translated, tells them why."""


class ScheduleError(JobError):
    """The schedule makes no job; `trouble` says why, a word of `jobs.schedules.Trouble`."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class TimingError(JobError):
    """When a schedule is due cannot be known; `part` is "cron", "interval", "zone" or "timing"."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class PermanentError(JobError):
    """The job failed for good: `code` names the sentence that is shown, `params` fill it."""

    code = "failed"

    def __init__(self, code: str | None = None, /, **params: Any) -> None:
        self.code = code or self.code
        self.params = params
        super().__init__(self.code, *(f"{name}={value}" for name, value in params.items()))

    def __str__(self) -> str:
        return " ".join(map(str, self.args))


class PostponeError(JobError):
    """The job is to run later; this attempt does not count."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__(f"postponed by {delay.total_seconds():g} seconds")
        self.delay = delay


class InterruptionError(BaseException):
    """The attempt is to end now, for a reason outside of the task."""


class CancelledError(InterruptionError):
    """Somebody asked to cancel the job."""


class FencedError(InterruptionError):
    """The job is no longer this attempt's: its writes must not be seen."""


class HandBackError(InterruptionError):
    """The worker is asked to stop; the job goes back to its queue."""


class TimeLimitError(InterruptionError):
    """The time limit of the job is over."""
