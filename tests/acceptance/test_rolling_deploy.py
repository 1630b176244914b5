"""A deploy while people work: every worker is replaced, one after the other, with two hundred jobs accepted."""

from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from config import settings as site_settings
from jobs.models import Attempt, AttemptOutcome, Job, JobStatus
from tests.acceptance.test_jobs_faults import lines
from tests.support.probe import tasks
from tests.support.probe.tasks import on
from tests.support.processes import Site, wait_until
from tests.support.runs import Program, sample
from validations.models import BillingRecord, ResultSet, RunStatus, ValidationRun

pytestmark = pytest.mark.acceptance

RUNS, DEAF, NOTES = 100, 20, 80
WORKERS = 3
# Nobody's job is held up longer than this by a deploy.
LONGEST_DELAY_SECONDS = 40


def test_x04_x22_a_rolling_deploy_with_200_jobs_in_flight_fails_doubles_and_delays_none(
    site: Site, program: Program, tmp_path: Path
) -> None:
    # As on a site that nobody tuned.
    site.lease_seconds = site_settings.JOBS_LEASE_SECONDS
    site.tick_seconds = site_settings.JOBS_TICK_SECONDS
    site.stop_seconds = site_settings.JOBS_STOP_SECONDS
    content, truth = sample(tmp_path, 20)
    deaf, notes = tmp_path / "deaf", tmp_path / "notes"
    for _ in range(RUNS):
        program.send(content)
    for _ in range(DEAF):
        on("maintenance", tasks.be_deaf).enqueue(path=str(deaf), seconds=0.5)
    for number in range(NOTES):
        tasks.note.enqueue(path=str(notes), text=f"note {number}")
    accepted = Job.objects.count()
    assert accepted >= RUNS + DEAF + NOTES

    workers = [site.worker() for _ in range(WORKERS)]
    for turn in range(2 * WORKERS):
        wait_until(partial(_have_ended, (turn + 1) * 10), what="some jobs to end")
        workers.append(site.worker())
        leaving = workers.pop(0)
        leaving.process.terminate()
        assert leaving.process.wait(timeout=site.stop_seconds + 30) == 0
    assert ValidationRun.unscoped.exclude(status=RunStatus.COMPLETED).exists(), (
        "the deploy was not under load"
    )
    wait_until(lambda: not Job.objects.active().exists(), seconds=180, what="all jobs to end")

    _assert_none_failed_or_lost()
    _assert_nothing_doubled(truth.rows, deaf, notes)
    _assert_none_delayed()


def _have_ended(least: int) -> bool:
    return Job.objects.filter(status=JobStatus.SUCCEEDED).count() > least


def _assert_none_failed_or_lost() -> None:
    assert set(Job.objects.values_list("status", flat=True)) == {JobStatus.SUCCEEDED}
    assert set(ValidationRun.unscoped.values_list("status", flat=True)) == {RunStatus.COMPLETED}
    found = set(Attempt.objects.values_list("outcome", flat=True))
    assert found <= {AttemptOutcome.SUCCEEDED, AttemptOutcome.HANDED_BACK}


def _assert_nothing_doubled(rows: int, deaf: Path, notes: Path) -> None:
    succeeded = Attempt.objects.filter(outcome=AttemptOutcome.SUCCEEDED)
    assert succeeded.count() == Job.objects.count()
    assert sorted(lines(notes)) == sorted(f"note {number}" for number in range(NOTES))
    assert sum(line.startswith("end") for line in lines(deaf)) == DEAF
    wait_until(lambda: ResultSet.unscoped.count() == RUNS, what="left-over sets to be removed")
    assert BillingRecord.unscoped.count() == RUNS * rows


def _assert_none_delayed() -> None:
    """No job waited long for its next attempt, and at no time did work stand still."""
    rows = Attempt.objects.order_by("job_id", "fence").values_list("job_id", "started_at", "ended_at")
    attempts = [(job, start, end) for job, start, end in rows if end is not None]
    assert len(attempts) == len(rows), "an attempt never ended"
    again = [
        (start - end).total_seconds()
        for (job, _, end), (same_job, start, _) in pairwise(attempts)
        if job == same_job
    ]
    ends = sorted(end for _, _, end in attempts)
    still = [(later - earlier).total_seconds() for earlier, later in pairwise(ends)]
    assert max(again, default=0) < LONGEST_DELAY_SECONDS
    assert max(still) < LONGEST_DELAY_SECONDS
