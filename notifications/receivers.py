"""What other apps announce and what becomes of our own jobs, each handed to one service."""

from collections.abc import Iterable
from typing import Any

from django.dispatch import receiver

from jobs.models import Alert, Job, JobStatus
from jobs.signals import alert_changed, job_finished, job_restarted
from jobs.subjects import works_on
from notifications import services
from notifications.models import Delivery
from notifications.tasks import deliver, deliver_to_staff
from organizations.announcements import Announcement, announced


@receiver(announced, dispatch_uid="notifications.tell_readers")
def tell_readers(announcement: Announcement, **kwargs: Any) -> None:
    """The news is stored for its readers, in the transaction of what it speaks of."""
    services.tell(announcement)


@job_finished.listen(task=deliver.name)
@job_finished.listen(task=deliver_to_staff.name)
def close_delivery(job: Job) -> None:
    """A delivery whose job ended without sending it no longer claims to be on its way."""
    if job.status != JobStatus.SUCCEEDED:
        services.give_up(job)


@receiver(job_restarted, dispatch_uid="notifications.reopen_delivery")
def reopen_delivery(job: Job, replaces: Job | None, **kwargs: Any) -> None:
    """A delivery whose job gets another chance is on its way again."""
    if job.task in (deliver.name, deliver_to_staff.name):
        services.reopen(job, is_other=replaces is not None)


@works_on(deliver.name)
@works_on(deliver_to_staff.name)
def find_delivery(job: Job) -> Iterable[Delivery]:
    """The delivery that the job makes."""
    return services.deliveries_of(job)


@receiver(alert_changed, dispatch_uid="notifications.tell_staff")
def tell_staff(alert: Alert, change: str, **kwargs: Any) -> None:
    """Those who look after the jobs hear of what is wrong with them, once, and again when it is over."""
    services.tell_staff(alert, change)
