"""The jobs of this app; each calls one core function."""

from datetime import timedelta
from typing import Any

from jobs.context import RunningJob
from jobs.tasks import Backoff, task
from validations import announcements, exporting, processing, retention


@task(
    queue="validations",
    timeout_seconds=3600,
    attempts=3,
    backoff=Backoff(first_seconds=5, factor=4, longest_seconds=300),
)
def validate_run(job: RunningJob, run_id: str) -> dict[str, Any] | None:
    """Check one uploaded billing file and store its records and findings."""
    return processing.process_run(job, run_id)


@task(queue="reports", timeout_seconds=3600, attempts=3)
def make_export(job: RunningJob, export_id: str) -> dict[str, Any] | None:
    """Make one file of a completed run: its findings, its rows, or its report."""
    return exporting.make_export(job, export_id)


@task(queue="notifications")
def announce_batch(job: RunningJob, run_batch_id: str, batch_id: str) -> None:
    """Tell the sender of several files what came of them, once the last one was checked."""
    announcements.announce_batch(job, run_batch_id)


@task(queue="maintenance")
def delete_results(job: RunningJob, result_ids: list[int]) -> None:
    """Remove the records and findings of result sets that no run shows any more."""
    retention.delete_of_run(job, result_ids)


@task(queue="maintenance")
def sweep_files(job: RunningJob) -> dict[str, Any] | None:
    """Delete files whose run has ended or whose time is over, files without a row, and result sets left behind."""
    return retention.sweep(abandoned_after=timedelta(hours=24), checkpoint=job.checkpoint)
