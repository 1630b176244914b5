"""What this app tells people, without knowing who carries the news."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from organizations.announcements import Announcement, announce
from validations.models import Export, RunStatus, ValidationRun


def announce_end(run: ValidationRun) -> None:
    """Tell the sender that the run has ended; a run that they cancelled themselves is no news."""
    if run.created_by_id is None or run.status == RunStatus.CANCELLED:
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
