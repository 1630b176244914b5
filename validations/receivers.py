"""A run follows its job: what the platform decides about the job becomes the state of the run."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from jobs.models import Job, JobStatus
from jobs.signals import job_finished, job_put_back, job_restarted, job_retrying
from jobs.subjects import works_on
from validations import export_services, services
from validations.announcements import announce_end
from validations.files import delete_file_of_ended
from validations.models import Export, ExportStatus, RunStatus, ValidationRun
from validations.steps import log_step
from validations.tasks import make_export, validate_run

# A run that failed for a passing reason can be retried by a person: its file waits for the sweeper.
_PASSING = ("", "interrupted", "quarantined", "storage")


@job_retrying.listen(task=validate_run.name)
def show_retry(job: Job) -> None:
    """A run whose attempt ended in a passing failure waits for the next one."""
    for run in _run_of(job):
        ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.QUEUED, phase="", progress_percent=0)
        log_step(run, "retrying", attempt=job.attempt)


@job_put_back.listen(task=validate_run.name)
def show_wait(job: Job) -> None:
    """A run whose worker was asked to stop waits for the next one."""
    for run in _run_of(job):
        ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.QUEUED, phase="", progress_percent=0)
        log_step(run, "put-back")


@receiver(job_restarted, sender=Job)
def follow_restart(job: Job, replaces: Job | None, by: Any, **kwargs: Any) -> None:
    """A run, or a file made of one, goes where its job goes, also when somebody sends the job on its way again."""
    if job.task == validate_run.name:
        services.follow_restart(job=job, replaces=replaces, by=by)
    elif job.task == make_export.name:
        export_services.follow_restart(job=job, replaces=replaces)


@job_finished.listen(task=make_export.name)
def settle_export(job: Job) -> None:
    """A file whose job ended without making it is no longer on its way."""
    waiting = Export.unscoped.filter(job=job, status=ExportStatus.WAITING)
    if job.status == JobStatus.FAILED:
        code = job.error_code or "interrupted"
        waiting.update(status=ExportStatus.FAILED, error_code=code, finished_at=timezone.now())
    elif job.status == JobStatus.CANCELLED:
        waiting.update(status=ExportStatus.CANCELLED, finished_at=timezone.now())


@works_on(make_export.name)
def find_export(job: Job) -> Iterable[Export]:
    """The file that the job makes."""
    return Export.unscoped.filter(job=job).select_related("organization", "run")


@job_finished.listen(task=validate_run.name)
def settle_run(job: Job) -> None:
    """A run ends with its job; a completed one was written together with its results already."""
    for run in _run_of(job):
        if job.status == JobStatus.FAILED:
            _end(run, RunStatus.FAILED, job.error_code or "interrupted", job.error_params)
        elif job.status == JobStatus.CANCELLED:
            _end(run, RunStatus.CANCELLED, "", {})
        run.refresh_from_db()
        announce_end(run)
        if not _file_is_kept(run):
            # Robust: the run has ended, whatever the storage says; the sweeper tries again. A lambda, since Django
            # asks a failed callback for its name, and a partial has none.
            transaction.on_commit(lambda run=run: delete_file_of_ended(run), robust=True)  # type: ignore[misc]


@works_on(validate_run.name)
def find_run(job: Job) -> Iterable[ValidationRun]:
    """The run that the job checks."""
    return _run_of(job)


def _run_of(job: Job) -> list[ValidationRun]:
    if job.tenant_id is None:
        return []
    return list(
        ValidationRun.unscoped.filter(job=job, organization_id=job.tenant_id).select_related("organization")
    )


def _end(run: ValidationRun, status: RunStatus, error_code: str, params: dict[str, Any]) -> None:
    ValidationRun.unscoped.filter(pk=run.pk).update(
        status=status,
        phase="",
        finished_at=timezone.now(),
        error_code=error_code,
        error_params=params,
    )
    log_step(run, status.value)


def _file_is_kept(run: ValidationRun) -> bool:
    if run.status == RunStatus.FAILED and run.error_code in _PASSING:
        return True
    return run.status == RunStatus.COMPLETED and run.organization.keep_files_days > 0
