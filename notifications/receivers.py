"""What other apps announce and what becomes of our own jobs, each handed to one service."""

from typing import Any

from django.dispatch import receiver

from jobs.models import Job, JobStatus
from jobs.signals import job_finished
from notifications import services
from notifications.tasks import deliver
from organizations.announcements import Announcement, announced


@receiver(announced, dispatch_uid="notifications.tell_readers")
def tell_readers(announcement: Announcement, **kwargs: Any) -> None:
    """The news is stored for its readers, in the transaction of what it speaks of."""
    services.tell(announcement)


@receiver(job_finished, dispatch_uid="notifications.close_delivery")
def close_delivery(job: Job, **kwargs: Any) -> None:
    """A delivery whose job ended without sending it no longer claims to be on its way."""
    if job.task == deliver.name and job.status != JobStatus.SUCCEEDED:
        services.give_up(delivery_id=job.arguments["delivery_id"], error_code=job.error_code or job.status)
