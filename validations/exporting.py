"""From a request to a file in the storage: written by a worker, found by whoever asked."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import IO, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone, translation

from jobs.context import RunningJob
from jobs.errors import PermanentError
from organizations.border import check_border
from validations.announcements import announce_export
from validations.exports import Format, Source, Wanted, formats
from validations.files import FULL, engine_folder
from validations.models import Export, ExportStatus
from validations.processing import StorageFullError
from validations.steps import log_step


def make_export(job: RunningJob, export_id: str) -> dict[str, Any] | None:
    """How large the file is that was made now; None when there was nothing left to do.

    Safe to repeat: the file is shown by the transaction that settles the job, and what an attempt leaves is swept.

    Raises: PermanentError when it can never be made; StorageFullError, temporary.
    """
    export = _export_to_make(job, export_id)
    if export is None:
        return None
    try:
        with as_asked_for(export), tempfile.TemporaryFile(dir=engine_folder()) as file:
            size_bytes = _write(job, export, file)
            export.file.save(f"export.{formats[export.format].extension}", File(file), save=False)
    except OSError as error:
        if error.errno in FULL:
            raise StorageFullError from None
        raise
    try:
        with job.completing():
            _complete(export, size_bytes)
    except BaseException:
        # Another worker has the job by now, and makes a file of its own.
        default_storage.delete(str(export.file.name))
        raise
    return {"size_bytes": size_bytes}


@contextmanager
def as_asked_for(export: Export) -> Iterator[None]:
    """A block in which texts, times and numbers come out as for the person who asked."""
    with translation.override(export.language), timezone.override(ZoneInfo(export.time_zone)):
        yield


def wanted_fields(wanted: Wanted) -> dict[str, Any]:
    """The filters as they are stored: only what is not as usual."""
    usual = asdict(Wanted())
    return {name: value for name, value in asdict(wanted).items() if value != usual[name]}


def _export_to_make(job: RunningJob, export_id: str) -> Export | None:
    related = ("run__organization", "run__profile", "created_by")
    export = Export.unscoped.select_related(*related).filter(pk=UUID(export_id)).first()
    if export is None:
        return None
    check_border(job, export.organization_id, "export", export.pk)
    if export.status != ExportStatus.WAITING:
        return None
    if export.format not in formats:
        raise PermanentError("format-unknown")
    return export


def _write(job: RunningJob, export: Export, file: IO[bytes]) -> int:
    """How many bytes went into the file."""
    kind = formats[export.format]
    source = Source(
        run=export.run,
        language=export.language,
        wanted=Wanted(**export.wanted),
        tick=_Ticker(job, kind, export),
    )
    size_bytes = 0
    for block in kind.blocks(source):
        job.checkpoint()
        size_bytes += file.write(block)
    return size_bytes


class _Ticker:
    """Tells the job how many rows were written, out of how many there will be about."""

    def __init__(self, job: RunningJob, kind: Format, export: Export) -> None:
        self._job = job
        self._done = 0
        self._total = max(kind.weight(export.run), 1)

    def __call__(self, rows: int) -> None:
        self._done += rows
        self._job.progress(min(self._done, self._total), self._total)


def _complete(export: Export, size_bytes: int) -> None:
    now = timezone.now()
    if not Export.unscoped.filter(pk=export.pk).update(
        status=ExportStatus.READY,
        file=export.file.name,
        size_bytes=size_bytes,
        finished_at=now,
        expires_at=now + timedelta(days=settings.EXPORT_KEEP_DAYS),
    ):
        # Its run was deleted meanwhile.
        raise PermanentError("run-gone")
    log_step(export.run, "export-made", format=export.format)
    announce_export(export)
