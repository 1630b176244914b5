"""What people and programs can take away from a run: at once where it is small, else made by a worker."""

from collections.abc import Iterator
from dataclasses import replace

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from jobs import audit
from jobs import services as job_services
from jobs.errors import RefusedError
from jobs.models import ActionKind, Job
from organizations.models import User
from validations import tasks
from validations.downloads import as_asked
from validations.exporting import wanted_fields
from validations.exports import Format, Source, Wanted
from validations.models import Export, ExportStatus, ValidationRun
from validations.sentences import reader_language
from validations.steps import log_step
from validations.veil import may_see_patients


def is_direct(run: ValidationRun, kind: Format) -> bool:
    """Whether the file is made while it is sent, since that takes no longer than a page."""
    return not kind.by_worker and kind.weight(run) <= settings.EXPORT_DIRECT_ROWS


def send_now(*, run: ValidationRun, kind: Format, wanted: Wanted, by: User) -> Iterator[bytes]:
    """The bytes of the file in the reader's language, noted in the run's log."""
    wanted = as_allowed(run=run, kind=kind, wanted=wanted, by=by)
    _note_download(run, kind.name, by, is_masked=wanted.masked)
    source = Source(run=run, language=reader_language(), wanted=kind.settled(run, wanted))
    return as_asked(kind.blocks(source))


def as_allowed(*, run: ValidationRun, kind: Format, wanted: Wanted, by: User) -> Wanted:
    """What is wanted, masked for somebody who may not see data of patients.

    Raises: PermissionDenied, to them, for a kind of file that is of no use so.
    """
    if may_see_patients(by, run):
        return replace(wanted, masked=False)
    if kind.has_rows:
        raise PermissionDenied
    return replace(wanted, masked=True)


def request_export(*, run: ValidationRun, kind: Format, wanted: Wanted, by: User) -> Export:
    """The file that a worker makes, or has made, of the run in the reader's language and time zone.

    Who asks again for a file that is there, or on its way, gets that one.
    """
    wanted = as_allowed(run=run, kind=kind, wanted=wanted, by=by)
    with transaction.atomic():
        # Locked: two that ask at once get one file.
        ValidationRun.unscoped.select_for_update().get(pk=run.pk)
        asked = {
            "format": kind.name,
            "language": reader_language(),
            "time_zone": timezone.get_current_timezone_name(),
            "wanted": wanted_fields(kind.settled(run, wanted)),
        }
        usable = Q(status=ExportStatus.WAITING) | Q(status=ExportStatus.READY, expires_at__gt=timezone.now())
        exports = Export.objects.for_organization(run.organization_id)
        earlier: Export | None = exports.filter(usable, run=run, **asked).first()
        if earlier is not None:
            return earlier
        export = Export(organization_id=run.organization_id, run=run, created_by=by, **asked)
        export.job = tasks.make_export.using(tenant_id=run.organization_id).enqueue(export_id=str(export.pk))
        export.save(force_insert=True)
        log_step(run, "export-asked", format=kind.name, user_id=by.pk)
    return export


def take_export(*, export: Export, by: User) -> bool:
    """Whether the file may be sent now: it is ready, and its time is not over. Noted in the run's log.

    Raises: PermissionDenied for a file with data of patients, to somebody who may not see it.
    """
    if not (export.wanted.get("masked") or may_see_patients(by, export.run)):
        raise PermissionDenied
    if not is_takeable(export):
        return False
    _note_download(export.run, export.format, by, is_masked=bool(export.wanted.get("masked")))
    return True


def _note_download(run: ValidationRun, kind: str, by: User, *, is_masked: bool) -> None:
    """Keep who took what away, in the run's log and in the audit trail."""
    log_step(run, "downloaded", format=kind, user_id=by.pk)
    details = {"format": kind, "masked": is_masked}
    audit.record(by, ActionKind.EXPORT, "run", run.pk, tenant_id=run.organization_id, details=details)


def is_takeable(export: Export) -> bool:
    """Whether the file is there for a while yet."""
    is_kept = export.expires_at is not None and export.expires_at > timezone.now()
    return export.status == ExportStatus.READY and bool(export.file) and is_kept


def cancel_export(*, export: Export, by: User) -> bool:
    """Whether the making was cancelled or asked to stop; a file that is ready stays."""
    return export.job is not None and bool(job_services.cancel_job(job=export.job, by=by))


def follow_restart(*, job: Job, replaces: Job | None) -> None:
    """A file whose job gets another chance is being made again.

    Raises: RefusedError for a job with other arguments, and for a run that is gone.
    """
    waiting = Export.unscoped.filter(job=job, status__in=(ExportStatus.FAILED, ExportStatus.CANCELLED))
    if replaces is not None or not waiting.update(
        status=ExportStatus.WAITING, error_code="", finished_at=None
    ):
        raise RefusedError
