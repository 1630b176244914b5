"""What is removed when nobody needs it any more, and nothing else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from jobs.models import Job, JobStatus, Schedule
from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import retention, services, tasks
from validations.files import delete_file_of_ended
from validations.models import RunStatus, ValidationRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failed_run(organization: Organization, member: User) -> ValidationRun:
    """A run that failed two days ago for a passing reason, its file still stored."""
    run = factories.sent_run(organization, member)
    long_ago = timezone.now() - timedelta(days=2)
    Job.objects.filter(pk=str(run.job_id)).update(status=JobStatus.FAILED, finished_at=long_ago)
    ValidationRun.unscoped.filter(pk=run.pk).update(
        status=RunStatus.FAILED, error_code="interrupted", finished_at=long_ago, created_at=long_ago
    )
    run.refresh_from_db()
    return run


def sweep() -> dict[str, int]:
    return retention.sweep(abandoned_after=timedelta(hours=24), checkpoint=lambda: None)


def test_the_sweeper_leaves_the_file_of_a_run_that_was_just_started_again(
    failed_run: ValidationRun, member: User, settings: Any
) -> None:
    seen_by_the_sweeper = ValidationRun.unscoped.get(pk=failed_run.pk)
    assert services.retry_run(run=failed_run, by=member)
    assert not delete_file_of_ended(seen_by_the_sweeper)
    drain()
    failed_run.refresh_from_db()
    assert failed_run.status == RunStatus.COMPLETED


def test_a_run_whose_file_was_just_swept_is_not_started_again(
    failed_run: ValidationRun, member: User, settings: Any
) -> None:
    seen_by_the_person = ValidationRun.unscoped.select_related("job").get(pk=failed_run.pk)
    assert sweep()["ended"] == 1
    with pytest.raises(services.FileGoneError):
        services.retry_run(run=seen_by_the_person, by=member)
    assert Job.objects.get(pk=str(failed_run.job_id)).status == JobStatus.FAILED
    assert not Path(settings.MEDIA_ROOT, str(seen_by_the_person.file.name)).exists()


def test_files_are_swept_every_night_by_a_schedule() -> None:
    schedule = Schedule.objects.get(task=tasks.sweep_files.name)
    assert schedule.is_shipped
    assert schedule.next_at
    assert schedule.next_at < timezone.now() + timedelta(hours=25)


def test_a_run_whose_job_ended_without_telling_it_ends_with_the_next_sweep(failed_run: ValidationRun) -> None:
    ValidationRun.unscoped.filter(pk=failed_run.pk).update(status=RunStatus.PROCESSING, error_code="")
    assert sweep()["forsaken"] == 1
    failed_run.refresh_from_db()
    assert (failed_run.status, failed_run.error_code) == (RunStatus.FAILED, "interrupted")


def test_a_run_that_still_waits_is_not_ended_by_the_sweep(failed_run: ValidationRun) -> None:
    ValidationRun.unscoped.filter(pk=failed_run.pk).update(status=RunStatus.QUEUED)
    Job.objects.filter(pk=str(failed_run.job_id)).update(status=JobStatus.HELD, finished_at=None)
    assert sweep()["forsaken"] == 0
