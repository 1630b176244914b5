"""What other apps can listen to; each is sent with `sender=Job` and `job=row`, as part of the change itself.

A receiver's writes are committed together with the change. Each receiver has its own savepoint: an error in
it is logged, takes back what that receiver wrote, and never fails the job.
"""

import logging
from typing import Any

from django.db import transaction
from django.dispatch import Signal

logger = logging.getLogger(__name__)


class SettlingSignal(Signal):
    """A signal whose receivers cannot harm the transaction that sends it."""

    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """Each receiver with what it returned, or with the error that it raised."""
        # The key that Django's own senders test first; without it every send would sort out dead receivers.
        if not self.receivers:
            return []
        receivers, _ = self._live_receivers(sender)
        return [(receiver, self._guarded(receiver, sender, named)) for receiver in receivers]

    def _guarded(self, receiver: Any, sender: Any, named: dict[str, Any]) -> Any:
        try:
            with transaction.atomic():
                return receiver(signal=self, sender=sender, **named)
        except Exception as error:  # noqa: BLE001 -- whatever a listener does, the job's state stands
            name = f"{receiver.__module__}.{receiver.__qualname__}"
            logger.error("The receiver %s failed: %s", name, type(error).__qualname__)  # noqa: TRY400 -- no values
            return error


# An attempt was claimed and begins.
job_started = SettlingSignal()
# An attempt failed or was lost; another one follows.
job_retrying = SettlingSignal()
# The job reached a final state: succeeded, failed or cancelled.
job_finished = SettlingSignal()
