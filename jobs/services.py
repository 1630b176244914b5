"""What people can do with jobs: each changes the row first, then tidies Redis."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from jobs import dispatch, enqueueing, lifecycle
from jobs.declarations import declared
from jobs.enqueueing import Options, Plan
from jobs.errors import IllegalTransitionError
from jobs.lifecycle import Cause
from jobs.models import Job, JobStatus
from jobs.queues import policy_of
from jobs.signals import job_restarted


def cancel_job(*, job: Job, by: AbstractBaseUser | None) -> bool:
    """Whether the job was cancelled, or asked to stop at its next checkpoint if it runs.

    A job that has ended stays as it is.
    """
    cancelled, asked = lifecycle.cancel(Job.objects.filter(pk=job.pk), by_id=_id_of(by))
    if cancelled:
        transaction.on_commit(lambda: dispatch.forget(cancelled), robust=True)
    return bool(cancelled or asked)


def retry_job(*, job: Job, by: AbstractBaseUser | None) -> bool:
    """Whether the ended job was queued again, with as many attempts as its queue gives; its history stays.

    The app whose task it is brings its own rows along (`jobs.signals.job_restarted`), in the same transaction.

    Raises: IllegalTransitionError for a job that succeeded, still goes on, or whose key another job holds by
    now; RefusedError when the app says no.
    """
    row = Job.objects.get(pk=job.pk)
    status = JobStatus(row.status)
    if status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        raise IllegalTransitionError(f"a {status} job cannot be retried")
    try:
        with transaction.atomic():
            restarted = lifecycle.restart(
                Job.objects.filter(pk=row.pk),
                status,
                more_attempts=policy_of(row.queue).attempts,
                by_id=_id_of(by),
            )
            for one in restarted:
                job_restarted.send(sender=Job, job=one, replaces=None, by=by)
    except IntegrityError:
        raise IllegalTransitionError("another job with the same key is active") from None
    return bool(restarted)


def retry_edited(*, job: Job, arguments: Mapping[str, Any], new_id: UUID, by: AbstractBaseUser | None) -> Job:
    """A new job of the same task with other arguments, linked to the ended one, which stays as it is.

    Raises: IllegalTransitionError for a job that goes on, or whose task is not declared; ArgumentsError when the
    arguments do not fit it; RefusedError when the app says no; IntegrityError when there is a job of that id.
    """
    declaration = declared(job.task)
    if not job.is_final or declaration is None:
        raise IllegalTransitionError(f"a {job.status} job cannot be retried with other arguments")
    options = Options(tenant_id=job.tenant_id, priority=job.priority)
    with transaction.atomic():
        plan = Plan(declaration, arguments, options, id=new_id)
        new = enqueueing.enqueue(plan, cause=Cause.RETRIED, by_id=_id_of(by))
        Job.objects.filter(pk=new.pk).update(retry_of=job)
        job_restarted.send(sender=Job, job=new, replaces=job, by=by)
    return new


def discard_job(*, job: Job, by: AbstractBaseUser | None) -> bool:
    """Whether the failed job is now cancelled, so that it no longer counts among the failures."""
    return bool(lifecycle.discard(Job.objects.filter(pk=job.pk), by_id=_id_of(by)))


def run_now(*, job: Job, by: AbstractBaseUser | None) -> bool:
    """Whether the job that waited for its time is queued now.

    Raises: IllegalTransitionError for a job that does not wait for its time.
    """
    status = JobStatus(Job.objects.values_list("status", flat=True).get(pk=job.pk))
    if status not in (JobStatus.SCHEDULED, JobStatus.RETRYING):
        raise IllegalTransitionError(f"a {status} job does not wait for its time")
    return bool(lifecycle.release(Job.objects.filter(pk=job.pk), status, Cause.RUN_NOW, by_id=_id_of(by)))


def _id_of(user: AbstractBaseUser | None) -> int | None:
    return user.pk if user else None
