"""From a stored upload to a completed run, also when a worker wakes up too late."""

import errno
import tempfile
from collections.abc import Callable

import pytest
from django.utils import timezone

from jobs import lifecycle
from jobs.admission import Seat
from jobs.context import RunningJob, StopFlag
from jobs.errors import FencedError
from jobs.models import Job, JobStatus
from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from tests.support.workbooks import ods, repacked, xlsx
from validations import processing, services
from validations.models import Finding, LogEntry, Phase, ResultSet, RunStatus, ValidationRun
from validations.progress import ProgressReporter

TABLE = (
    b"Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient\r\n"
    b";12345678901;2026-11-03;51234;00103;47,05;1632084-12345 Roy;TREM80010112 Tremblay Marie\r\n"
)


@pytest.fixture
def run(organization: Organization, member: User) -> ValidationRun:
    return factories.sent_run(organization, member, TABLE)


def frozen_worker(run: ValidationRun) -> RunningJob:
    """A worker that took the run's job, and from which it was taken away again because it gave no sign of life."""
    assert run.job_id
    row = lifecycle.claim(run.job_id, Seat("frozen", "host", 1))
    assert row is not None
    Job.objects.filter(pk=run.job_id).update(status=JobStatus.QUEUED)
    return RunningJob(row, StopFlag())


@pytest.mark.django_db(transaction=True)
def test_x05_a_worker_that_wakes_up_late_does_not_reopen_a_run_that_ended(run: ValidationRun) -> None:
    late = frozen_worker(run)
    services.cancel_run(run=run, by=factories.user())
    with pytest.raises(FencedError):
        processing.process_run(late, str(run.pk))
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert not ResultSet.unscoped.exists()
    assert not LogEntry.unscoped.filter(run=run, code="started").exists()


@pytest.mark.django_db(transaction=True)
def test_x05_a_worker_that_wakes_up_late_does_not_move_the_bar_of_a_completed_run(run: ValidationRun) -> None:
    late = frozen_worker(run)
    drain()
    with pytest.raises(FencedError):
        ProgressReporter(late, run).enter(Phase.PARSING)
    run.refresh_from_db()
    assert (run.status, run.phase, run.progress_percent, run.rows_done) == (RunStatus.COMPLETED, "", 100, 1)


def test_x14_a_full_disk_is_named_and_tried_again(
    run: ValidationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    # The operating system is what leaves this process here.
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    drain(raising=False)
    assert run.job_id
    job = Job.objects.get(pk=run.job_id)
    assert (job.status, job.attempt) == (JobStatus.RETRYING, 1)
    for _attempt in range(2):
        Job.objects.filter(pk=job.pk).update(due_at=timezone.now())
        drain(raising=False)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (RunStatus.FAILED, "storage")
    assert run.file


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "make"), [("bill.xlsx", xlsx), ("bill.ods", ods)])
def test_an_uploaded_workbook_is_checked_like_a_file(
    organization: Organization, member: User, name: str, make: Callable[..., bytes]
) -> None:
    header, line = ([cell.decode() for cell in row.split(b";")] for row in TABLE.split(b"\r\n")[:2])
    cells: list[object] = [123456789, *line[1:5], 47.05, *line[6:]]
    run = factories.sent_run(organization, member, upload=factories.upload(make([header, cells]), name))
    drain()
    run.refresh_from_db()
    assert (run.status, run.reading["kind"], run.amount_total_cents) == (
        RunStatus.COMPLETED,
        name[-4:].strip("."),
        4705,
    )
    assert not Finding.unscoped.filter(result=run.result_id, code="money-format").exists()


@pytest.mark.django_db(transaction=True)
def test_a11_a_bomb_in_a_workbook_is_a_failed_run_in_words_at_the_first_attempt(
    organization: Organization, member: User
) -> None:
    bomb = repacked(xlsx([["a"]]), {"xl/sharedStrings.xml": b" " * 50_000_000})
    run = factories.sent_run(organization, member, upload=factories.upload(bomb, "bill.xlsx"))
    drain(raising=False)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (RunStatus.FAILED, "workbook-limit")
    assert run.job is not None
    assert run.job.attempt == 1
