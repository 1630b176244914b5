"""What other apps can listen to, as part of the change itself.

@job_finished.listen(task=send_mail.name)
def note_end(job: Job) -> None: ...

Who listens to jobs names their task: the change of a job that nobody listens to needs no transaction around it. A
receiver's writes are committed together with the change. Each receiver has its own savepoint: an error in it is
logged, takes back what that receiver wrote, and never fails the job.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.dispatch import Signal

from jobs.declarations import declared

if TYPE_CHECKING:
    from jobs.models import Job

logger = logging.getLogger(__name__)

Receiver = Callable[["Job"], Any]


class SettlingSignal(Signal):
    """A signal whose receivers cannot harm the transaction that sends it."""

    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """Each receiver with what it returned, or with the error that it raised."""
        # The key that Django's own senders test first; without it every send would sort out dead receivers.
        if not self.receivers:
            return []
        receivers, _ = self._live_receivers(sender)
        return [(receiver, _guarded(receiver, signal=self, sender=sender, **named)) for receiver in receivers]


class JobSignal:
    """A kind of news about jobs, heard task by task."""

    def __init__(self) -> None:
        self._receivers: defaultdict[str, list[Receiver]] = defaultdict(list)

    def listen(self, *, task: str) -> Callable[[Receiver], Receiver]:
        """A decorator for a receiver of what happens to the jobs of that task."""

        def connected(receiver: Receiver) -> Receiver:
            self._receivers[task].append(receiver)
            return receiver

        return connected

    def forget(self, receiver: Receiver) -> None:
        """Call that receiver no more."""
        for receivers in self._receivers.values():
            if receiver in receivers:
                receivers.remove(receiver)

    def is_heard(self, task: str) -> bool:
        """Whether anybody listens to the jobs of that task."""
        return bool(self._receivers_of(task))

    def send(self, job: "Job") -> None:
        """Call each receiver of the job's task, inside the caller's transaction."""
        for receiver in self._receivers_of(job.task):
            _guarded(receiver, job)

    def _receivers_of(self, task: str) -> list[Receiver]:
        # A row may still carry a former name of its task.
        task_now = declared(task)
        return self._receivers.get(task_now.name if task_now else task, [])


def _guarded(receiver: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """What the receiver returned, or the error that it raised."""
    try:
        with transaction.atomic():
            return receiver(*values, **named)
    except Exception as error:  # noqa: BLE001 -- whatever a listener does, the job's state stands
        name = f"{receiver.__module__}.{receiver.__qualname__}"
        logger.error("The receiver %s failed: %s", name, type(error).__qualname__)  # noqa: TRY400 -- no values
        return error


# An attempt failed or was lost; another one follows.
job_retrying = JobSignal()
# An attempt ended without having failed, and another one follows: its worker was asked to stop, or the task asked for a
# later time.
job_put_back = JobSignal()
# The job reached a final state: succeeded, failed or cancelled.
job_finished = JobSignal()


# A person gives an ended job another chance; `job` is queued again, or `replaces` is the old job and `job` a new one
# with other arguments. Sent inside the transaction that does it. A receiver brings the app's own rows along, and may
# raise `RefusedError`, which takes everything back: so this one is plain, and its receivers are not guarded.
job_restarted = Signal()


# An alert was raised or resolved, or people are reminded of it: with `alert=row` and `change=` a word of
# `jobs.alerts.Change`, and `sender=Alert`.
alert_changed = SettlingSignal()
