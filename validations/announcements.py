"""What this app tells people, without knowing who carries the news."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.urls import reverse

from jobs.context import RunningJob
from organizations.announcements import Announcement, announce
from organizations.border import check_border
from validations.models import Export, RunBatch, RunStatus, ValidationRun, Verdict


def announce_end(run: ValidationRun) -> None:
    """Tell the sender that the run has ended.

    A run that they cancelled themselves is no news; what came of files that were sent together is told once for all.
    """
    if run.created_by_id is None or run.status == RunStatus.CANCELLED or _is_told_with_others(run):
        return
    completed = run.status == RunStatus.COMPLETED
    parameters: dict[str, Any] = {"file_name": run.file_name}
    if completed:
        parameters |= {
            "rows": run.rows_done,
            "errors": run.error_count,
            "warnings": run.warning_count,
            "verdict": run.verdict,
            "amount_at_stake_cents": run.amount_at_stake_cents,
        }
    else:
        parameters |= {"error_code": run.error_code, "error_params": run.error_params}
    announce(
        Announcement(
            kind="run_finished" if completed else "run_failed",
            organization_id=run.organization_id,
            user_ids=(run.created_by_id,),
            # A run that is started again by a person ends again, and that is news.
            key=f"run:{run.pk}:{run.status}:{run.job.attempt if run.job else 0}",
            path=reverse("validations:run-detail", args=[run.organization.slug, run.pk]),
            parameters=parameters,
        )
    )


def _is_told_with_others(run: ValidationRun) -> bool:
    """Whether the batch of the run's job has not ended yet; one that is checked again later is told by itself."""
    batch = run.job.batch if run.job else None
    return batch is not None and batch.finished_at is None


def announce_batch(job: RunningJob, batch_id: str) -> None:
    """Tell the sender of several files what came of them; nothing where all of them were cancelled.

    Raises: PermanentError when they belong to another organization than the job.
    """
    batch = RunBatch.unscoped.select_related("organization").filter(pk=batch_id).first()
    if batch is not None:
        check_border(job, batch.organization_id, "batch", batch.pk)
    ended = (RunStatus.COMPLETED, RunStatus.FAILED)
    runs = list(batch.runs.filter(status__in=ended)) if batch else []
    if batch is None or batch.created_by_id is None or not runs:
        return
    verdicts = Counter(run.verdict or "failed" for run in runs)
    announce(
        Announcement(
            kind="batch_finished",
            organization_id=batch.organization_id,
            user_ids=(batch.created_by_id,),
            key=f"batch:{batch.pk}",
            path=reverse("validations:batch-detail", args=[batch.organization.slug, batch.pk]),
            parameters={
                "files": len(runs),
                "files_accepted": verdicts[Verdict.ACCEPTED] + verdicts[Verdict.ACCEPTED_WITH_WARNINGS],
                "files_refused": verdicts[Verdict.REFUSED],
                "files_failed": verdicts["failed"],
                "rows": sum(run.rows_total or 0 for run in runs),
                "errors": sum(run.error_count for run in runs),
                "warnings": sum(run.warning_count for run in runs),
                "amount_at_stake_cents": sum(run.amount_at_stake_cents or 0 for run in runs),
            },
        )
    )


def announce_export(export: Export) -> None:
    """Tell whoever asked for a file that it is ready."""
    if export.created_by_id is None:
        return
    run = export.run
    announce(
        Announcement(
            kind="report_ready",
            organization_id=export.organization_id,
            user_ids=(export.created_by_id,),
            key=f"export:{export.pk}",
            path=reverse("validations:export-detail", args=[run.organization.slug, run.pk, export.pk]),
            parameters={
                "file_name": run.file_name,
                "format": export.format,
                "keep_days": settings.EXPORT_KEEP_DAYS,
            },
        )
    )
