"""What is removed when nobody needs it any more: result sets, uploaded files, leftovers of crashes."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from jobs.batches import seal_batch
from jobs.context import RunningJob
from jobs.models import FINAL_STATUSES, Batch
from organizations.border import check_border
from validations.files import delete_file_of_ended
from validations.models import (
    ENDED,
    BillingRecord,
    Export,
    ExportStatus,
    Finding,
    ResultSet,
    RunBatch,
    RunStatus,
    ValidationRun,
)
from validations.scanning import FOLDER

logger = logging.getLogger(__name__)

Checkpoint = Callable[[], None]
# Long enough to look into where it came from.
QUARANTINE_KEPT = timedelta(days=30)
# Rows removed by one statement: short enough for SQLite's single writer, long enough for PostgreSQL.
BATCH_ROWS = 10_000


def delete_result_sets(result_ids: Iterable[int], *, checkpoint: Checkpoint) -> None:
    """Remove result sets with their records and findings, in short statements."""
    for result_id in result_ids:
        for model in (Finding, BillingRecord):
            _delete_rows(model, result_id, checkpoint)
        ResultSet.unscoped.filter(pk=result_id).delete()


def delete_of_run(job: RunningJob, result_ids: Iterable[int]) -> None:
    """Remove what a deleted run of the job's organization has left.

    Raises: PermanentError, before anything is removed, when one of them belongs to another organization.
    """
    sets = ResultSet.unscoped.filter(pk__in=list(result_ids)).values_list("pk", "organization_id")
    for pk, organization_id in sets:
        check_border(job, organization_id, "result", pk)
    delete_result_sets([pk for pk, _organization in sets], checkpoint=job.checkpoint)


def trim_result_set(result: ResultSet, last_row: int, *, checkpoint: Checkpoint) -> None:
    """Remove its findings and what stands behind a row, in short statements."""
    _delete_rows(Finding, result.pk, checkpoint)
    _delete_rows(BillingRecord, result.pk, checkpoint, row__gt=last_row)


def sweep(*, abandoned_after: timedelta, checkpoint: Checkpoint) -> dict[str, int]:
    """How many files and result sets were left behind and are gone now."""
    before = timezone.now() - abandoned_after
    counts = {
        "forsaken": _end_forsaken_runs(before),
        "ended": _delete_files_of_ended_runs(before),
        "orphans": _delete_orphans("uploads", before, _has_run)
        + _delete_orphans("exports", before, _has_export),
        "quarantined": _delete_orphans(FOLDER, timezone.now() - QUARANTINE_KEPT, lambda _path: False),
        "exports": _delete_expired_exports(),
        "batches": _settle_batches(before),
    }
    left = ResultSet.unscoped.filter(created_at__lt=before).filter(
        Q(run=None) | (Q(run__status__in=ENDED) & (Q(run__result=None) | ~Q(run__result=F("pk"))))
    )
    result_ids = [pk for pk in left.values_list("pk", flat=True) if _is_taken(left.filter(pk=pk))]
    delete_result_sets(result_ids, checkpoint=checkpoint)
    return counts | {"result_sets": len(result_ids)}


def _end_forsaken_runs(before: datetime) -> int:
    """Fail runs whose job has ended or is gone without telling them: everybody sees an end."""
    active = ValidationRun.unscoped.exclude(status__in=ENDED).filter(created_at__lt=before)
    forsaken = active.filter(
        Q(job=None) | Q(job__status__in=sorted(FINAL_STATUSES), job__finished_at__lt=before)
    )
    count = forsaken.update(
        status=RunStatus.FAILED, phase="", finished_at=timezone.now(), error_code="interrupted"
    )
    if count:
        logger.error("%d runs had no job any more and were ended", count)
    return count


def _is_taken(left: QuerySet[ResultSet]) -> bool:
    """Whether the set was taken from its run to be deleted; a run that goes on again may be filling it by now."""
    with transaction.atomic():
        run_id = left.values_list("run_id", flat=True).first()
        if run_id is not None:
            # The attempt that begins lists the sets of its run under this lock.
            ValidationRun.unscoped.select_for_update().filter(pk=run_id).first()
        return bool(left.update(run=None))


def _settle_batches(before: datetime) -> int:
    """Seal batches whose request died before its last file, and remove those whose runs are all gone."""
    old = RunBatch.unscoped.filter(created_at__lt=before)
    for batch in Batch.objects.filter(pk__in=old.values("job_batch"), sealed_at=None):
        seal_batch(batch)
    return old.filter(runs=None).delete()[0]


def _delete_rows(
    model: type[models.Model], result_id: int, checkpoint: Checkpoint, **conditions: Any
) -> None:
    rows = model._base_manager.filter(result_id=result_id, **conditions)
    while True:
        checkpoint()
        keys = list(rows.values_list("pk", flat=True)[:BATCH_ROWS])
        if not keys:
            return
        # Nothing refers to these rows, so Django need not load them to delete them.
        model._base_manager.filter(pk__in=keys)._raw_delete("default")


def _delete_files_of_ended_runs(before: datetime) -> int:
    runs = ValidationRun.unscoped.exclude(file="").filter(status__in=ENDED, finished_at__lt=before)
    count = 0
    for run in runs.select_related("organization").iterator():
        kept_since = timezone.now() - timedelta(days=run.organization.keep_files_days)
        if run.finished_at is None or run.finished_at < kept_since:
            count += delete_file_of_ended(run)
    return count


def _delete_expired_exports() -> int:
    """Remove the files whose time is over; their rows say so to whoever comes too late."""
    over = Export.unscoped.exclude(file="").filter(expires_at__lt=timezone.now())
    count = 0
    for export in over.only("pk", "file").iterator():
        delete_export_file(export)
        count += 1
    return count


def delete_export_file(export: Export) -> None:
    """Remove a made file; the row goes first, so that nobody is shown what is no longer there."""
    Export.unscoped.filter(pk=export.pk).update(status=ExportStatus.EXPIRED, file="")
    default_storage.delete(str(export.file.name))


def _delete_orphans(folder: str, before: datetime, is_needed: Callable[[str], bool]) -> int:
    """Remove stored files that have no row: whoever stored them died before recording them."""
    count = 0
    owners = default_storage.listdir(folder)[0] if default_storage.exists(folder) else []
    for owner in owners:
        for name in default_storage.listdir(f"{folder}/{owner}")[1]:
            path = f"{folder}/{owner}/{name}"
            if default_storage.get_modified_time(path) < before and not is_needed(path):
                default_storage.delete(path)
                count += 1
    return count


def _has_run(path: str) -> bool:
    # The storage may append letters behind a taken name; the run's id comes first.
    stem = PurePosixPath(path).stem[:36]
    try:
        return bool(ValidationRun.unscoped.filter(pk=UUID(stem)).exclude(file="").exists())
    except ValueError:
        return False


def _has_export(path: str) -> bool:
    return bool(Export.unscoped.filter(file=path).exists())
