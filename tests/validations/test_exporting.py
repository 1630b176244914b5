"""Files made by a worker: asked for, made once, announced, kept for a while, swept."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone, translation

from jobs import services as job_services
from jobs.errors import RefusedError
from jobs.models import Job, JobStatus
from notifications.models import Notification
from notifications.rendering import headline, letter
from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import assert_enqueued, drain
from validations import export_services, retention, services, tasks
from validations.exports import Wanted, formats
from validations.models import Export, ExportStatus, ValidationRun
from validations.steps import sentence

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(organization: Organization, member: User) -> ValidationRun:
    """A completed run of one finding, its profile and organization at hand."""
    return factories.completed_run(organization, member, file_name="TREM80010112.csv", verdict="refused")


def ask(run: ValidationRun, by: User, name: str = "findings-xlsx", **wanted: Any) -> Export:
    return export_services.request_export(run=run, kind=formats[name], wanted=Wanted(**wanted), by=by)


def made(run: ValidationRun, by: User, name: str = "findings-xlsx") -> Export:
    export = ask(run, by, name)
    drain()
    export.refresh_from_db()
    assert export.status == ExportStatus.READY
    return export


def sweep() -> dict[str, int]:
    return retention.sweep(abandoned_after=timedelta(hours=24), checkpoint=lambda: None)


def test_the_request_records_a_job_that_holds_an_id_and_nothing_else(
    run: ValidationRun, member: User
) -> None:
    export = ask(run, member)
    job = assert_enqueued(tasks.make_export, export_id=str(export.pk))
    assert job.arguments == {"export_id": str(export.pk)}
    assert (job.queue, job.tenant_id) == ("reports", run.organization_id)


def test_d05_the_made_file_lies_in_the_organizations_folder_under_a_generated_name(
    run: ValidationRun, member: User, settings: Any
) -> None:
    export = made(run, member)
    assert export.file.name == f"exports/{run.organization_id}/{export.pk}.xlsx"
    assert export.size_bytes == Path(settings.MEDIA_ROOT, str(export.file.name)).stat().st_size
    assert export.expires_at is not None
    assert timedelta(days=6) < export.expires_at - timezone.now() <= timedelta(days=7)


@pytest.mark.parametrize("name", sorted(formats))
def test_a_worker_can_make_every_format(run: ValidationRun, member: User, name: str) -> None:
    assert made(run, member, name).size_bytes is not None


def test_who_asks_again_gets_the_same_file(run: ValidationRun, member: User, owner: User) -> None:
    export = ask(run, member)
    assert ask(run, owner).pk == export.pk
    drain()
    assert ask(run, owner).pk == export.pk
    # Another language, other filters, another format: another file.
    with translation.override("fr"):
        assert ask(run, owner).pk != export.pk
    assert ask(run, member, severity="error").pk != export.pk
    assert ask(run, member, "findings-csv").pk != export.pk


def test_a_file_whose_time_is_over_is_made_anew(run: ValidationRun, member: User) -> None:
    export = made(run, member)
    Export.unscoped.filter(pk=export.pk).update(expires_at=timezone.now())
    assert ask(run, member).pk != export.pk


def test_whoever_asked_is_told_and_mail_names_no_file(run: ValidationRun, member: User) -> None:
    made(run, member)
    notice = Notification.unscoped.get(kind="report_ready", user=member)
    assert headline(notice) == "TREM80010112.csv: ready to download – Findings as an Excel workbook"
    mail = letter(notice)
    assert "Findings as an Excel workbook" in mail.text
    assert "TREM80010112" not in mail.subject + mail.text + mail.html


def test_every_step_is_in_the_log_of_the_run(run: ValidationRun, member: User) -> None:
    export = made(run, member)
    assert export_services.take_export(export=export, by=member)
    assert [sentence(entry) for entry in run.log_entries.all()] == [
        "Asked for: Findings as an Excel workbook",
        "Made: Findings as an Excel workbook",
        "Downloaded: Findings as an Excel workbook",
    ]


def test_progress_counts_rows(organization: Organization, member: User) -> None:
    run = factories.completed_run(organization, member, findings=1200)
    export = made(run, member, "findings-csv")
    job = Job.objects.get(pk=str(export.job_id))
    assert (job.progress_done, job.progress_total) == (1000, 1200)


def test_a_cancelled_request_ends_and_may_be_made_again(run: ValidationRun, member: User) -> None:
    export = ask(run, member)
    assert export_services.cancel_export(export=export, by=member)
    export.refresh_from_db()
    assert export.status == ExportStatus.CANCELLED
    assert job_services.retry_job(job=Job.objects.get(pk=str(export.job_id)), by=member)
    drain()
    export.refresh_from_db()
    assert export.status == ExportStatus.READY


def test_a_job_with_other_arguments_is_refused(run: ValidationRun, member: User) -> None:
    export = ask(run, member)
    with pytest.raises(RefusedError):
        export_services.follow_restart(job=Job.objects.get(pk=str(export.job_id)), replaces=Job())


def test_d06_a_job_of_another_organization_makes_nothing(
    run: ValidationRun, member: User, other_organization: Organization
) -> None:
    export = ask(run, member)
    Job.objects.filter(pk=str(export.job_id)).update(tenant_id=other_organization.pk)
    drain(raising=False)
    export.refresh_from_db()
    assert (export.status, export.error_code, export.file.name) == (
        ExportStatus.FAILED,
        "wrong-organization",
        "",
    )


def test_a_format_that_this_version_does_not_know_fails_at_once(run: ValidationRun, member: User) -> None:
    export = ask(run, member)
    Export.unscoped.filter(pk=export.pk).update(format="findings-dbf")
    drain(raising=False)
    assert Job.objects.get(pk=str(export.job_id)).attempt == 1
    export.refresh_from_db()
    assert (export.status, export.error_code) == (ExportStatus.FAILED, "format-unknown")


def test_h01_files_are_deleted_when_their_time_is_over(
    run: ValidationRun, member: User, settings: Any
) -> None:
    kept, over = made(run, member), made(run, member, "report-json")
    Export.unscoped.filter(pk=over.pk).update(expires_at=timezone.now())
    path = Path(settings.MEDIA_ROOT, str(over.file.name))
    over.refresh_from_db()
    assert not export_services.take_export(export=over, by=member)
    assert sweep()["exports"] == 1
    over.refresh_from_db()
    assert (over.status, over.file.name, path.exists()) == (ExportStatus.EXPIRED, "", False)
    assert Path(settings.MEDIA_ROOT, str(kept.file.name)).exists()


def test_files_go_with_their_run(run: ValidationRun, member: User, settings: Any) -> None:
    path = Path(settings.MEDIA_ROOT, str(made(run, member).file.name))
    waiting = ask(run, member, "report-pdf")
    services.delete_run(run=run, by=member)
    assert not path.exists()
    drain()
    assert Job.objects.get(pk=str(waiting.job_id)).status == JobStatus.SUCCEEDED
    assert not Export.unscoped.exists()


def test_files_without_a_row_are_swept_once_they_are_old(
    run: ValidationRun, member: User, settings: Any
) -> None:
    folder = Path(settings.MEDIA_ROOT, str(made(run, member).file.name)).parent
    old, new = folder / "left.xlsx", folder / "being-made.xlsx"
    for path in (old, new):
        path.write_bytes(b"x")
    two_days_ago = time.time() - 2 * 86400
    for path in folder.iterdir():
        if path != new:
            os.utime(path, (two_days_ago, two_days_ago))
    assert sweep()["orphans"] == 1
    assert not old.exists()
    assert len(list(folder.iterdir())) == 2
