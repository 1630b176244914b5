"""The jobs of this app; each calls one core function."""

from datetime import timedelta
from typing import Any

from jobs.context import RunningJob
from jobs.tasks import Backoff, task
from validations import processing, retention


@task(
    queue="validations",
    timeout_seconds=3600,
    attempts=3,
    backoff=Backoff(first_seconds=5, factor=4, longest_seconds=300),
)
def validate_run(job: RunningJob, run_id: str) -> dict[str, Any] | None:
    """Check one uploaded billing file and store its records and findings."""
    return processing.process_run(job, run_id)


@task(queue="maintenance")
def delete_results(job: RunningJob, result_ids: list[int]) -> None:
    """Remove the records and findings of result sets that no run shows any more."""
    retention.delete_result_sets(result_ids, checkpoint=job.checkpoint)


@task(queue="maintenance")
def sweep_files(job: RunningJob) -> dict[str, Any] | None:
    """Delete files whose run has ended, files without a run, and result sets that were left behind."""
    return retention.sweep(abandoned_after=timedelta(hours=24), checkpoint=job.checkpoint)
