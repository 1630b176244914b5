"""What people can do with jobs: each changes the row first, then tidies Redis."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from jobs import dispatch, lifecycle
from jobs.errors import IllegalTransitionError
from jobs.lifecycle import Cause
from jobs.models import WAITING_STATUSES, Job, JobStatus


def cancel_job(*, job: Job, by: AbstractBaseUser | None) -> bool:
    """Whether the job was cancelled, or asked to stop at its next checkpoint if it runs.

    A job that has ended stays as it is.
    """
    rows = Job.objects.filter(pk=job.pk)
    with transaction.atomic():
        cancelled = lifecycle.cancel_waiting(rows, Cause.CANCELLED, by_id=_id_of(by))
        asked = lifecycle.ask_to_cancel(rows, by_id=_id_of(by)) if not cancelled else []
    if cancelled:
        transaction.on_commit(lambda: dispatch.forget(cancelled), robust=True)
    return bool(cancelled or asked)


def retry_job(*, job: Job, by: AbstractBaseUser | None) -> bool:
    """Whether the ended job was queued again, with as many attempts as its queue gives; its history stays.

    Raises: IllegalTransitionError for a job that succeeded, still goes on, or whose key another job holds by
    now.
    """
    row = Job.objects.get(pk=job.pk)
    status = JobStatus(row.status)
    if status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise IllegalTransitionError(f"a {status} job cannot be retried")
    try:
        with transaction.atomic():
            restarted = lifecycle.restart(
                Job.objects.filter(pk=row.pk), status, more_attempts=_attempts_of(row), by_id=_id_of(by)
            )
    except IntegrityError:
        raise IllegalTransitionError("another job with the same key is active") from None
    return bool(restarted)


def run_now(*, job: Job, by: AbstractBaseUser | None) -> bool:
    """Whether the job that waited for its time is queued now.

    Raises: IllegalTransitionError for a job that does not wait for its time.
    """
    status = JobStatus(Job.objects.values_list("status", flat=True).get(pk=job.pk))
    if status not in WAITING_STATUSES - {JobStatus.BLOCKED}:
        raise IllegalTransitionError(f"a {status} job cannot be started early")
    if status == JobStatus.QUEUED:
        return False
    return bool(lifecycle.release(Job.objects.filter(pk=job.pk), status, Cause.RUN_NOW, by_id=_id_of(by)))


def _attempts_of(job: Job) -> int:
    return next((queue.attempts for queue in settings.JOBS_QUEUES if queue.name == job.queue), 1)


def _id_of(user: AbstractBaseUser | None) -> int | None:
    return user.pk if user else None
