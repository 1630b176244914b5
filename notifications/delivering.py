"""One delivery on its way: what is written down before and after a channel speaks.

A message that left cannot be called back, so this part is at least once: whoever dies between the sending and
the writing sends again, under the same message id.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from jobs.context import RunningJob
from notifications import querysets
from notifications.channels import channels
from notifications.errors import DeliveryError
from notifications.models import Delivery, DeliveryAttempt, DeliveryStatus
from organizations.border import check_border


def deliver(job: RunningJob, delivery_id: str) -> None:
    """The delivery is sent, or withheld because its reader lost the right to read it, or was so already.

    Raises: DeliveryError or UndeliverableError, as the channel said; PermanentError when it belongs to another
    organization than the job.
    """
    delivery = (
        Delivery.unscoped.select_related("notification__user", "notification__organization")
        .filter(pk=delivery_id)
        .first()
    )
    # Without a row the reader, the organization or the news is gone: nobody is waiting for it.
    if delivery is None:
        return
    check_border(job, delivery.organization_id, "delivery", delivery.pk)
    if delivery.status == DeliveryStatus.SENT:
        return
    if not querysets.may_read(delivery.notification):
        _change(delivery, status=DeliveryStatus.WITHHELD, error_code="reader_left")
        return
    with _recorded(delivery, job.id):
        channels[delivery.channel].deliver(delivery.notification, str(delivery.pk))


@contextmanager
def _recorded(delivery: Delivery, job_id: UUID) -> Iterator[None]:
    """The block is one attempt, in the log before it begins and closed when it ends."""
    attempt = _begin(delivery, job_id)
    try:
        yield
    except DeliveryError as error:
        status = DeliveryStatus.FAILED if error.permanent else DeliveryStatus.PENDING
        _end(attempt, status=status, error_code=error.code)
        raise
    except Exception:
        _end(attempt, status=DeliveryStatus.PENDING, error_code="unexpected")
        raise
    # Whatever becomes of the job now (its lease may have run out), the message did leave: that stays written.
    _end(attempt, status=DeliveryStatus.SENT, error_code="")


@transaction.atomic
def _begin(delivery: Delivery, job_id: UUID) -> DeliveryAttempt:
    _change(delivery, status=DeliveryStatus.PENDING, attempts=F("attempts") + 1, tried_at=timezone.now())
    attempt: DeliveryAttempt = DeliveryAttempt.unscoped.create(
        organization_id=delivery.organization_id, delivery=delivery, job_id=job_id
    )
    return attempt


@transaction.atomic
def _end(attempt: DeliveryAttempt, *, status: DeliveryStatus, error_code: str) -> None:
    now = timezone.now()
    DeliveryAttempt.unscoped.filter(pk=attempt.pk).update(ended_at=now, error_code=error_code)
    _change(attempt.delivery, status=status, error_code=error_code)
    if status == DeliveryStatus.SENT:
        _change(attempt.delivery, sent_at=now)


def _change(delivery: Delivery, **fields: object) -> None:
    Delivery.unscoped.filter(pk=delivery.pk).update(**fields)
