"""An attempt goes on behind what an earlier one has stored, and nobody else writes there meanwhile."""

import errno
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from jobs.models import Job, JobStatus
from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import processing, retention, store
from validations.engine.check import Check
from validations.engine.sample import write_sample
from validations.models import BillingRecord, Finding, LogEntry, ResultSet, RunStatus, ValidationRun

pytestmark = pytest.mark.django_db(transaction=True)

ROWS, PORTION = 45, 10


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PORTION_ROWS", PORTION)
    monkeypatch.setattr(store, "BATCH_ROWS", 4)


@pytest.fixture
def run(organization: Organization, member: User, tmp_path: Path) -> ValidationRun:
    path = tmp_path / "sample.csv"
    write_sample(path, ROWS, 0.1, 7, today=date.today())  # noqa: DTZ011 -- the day of this machine
    return factories.sent_run(organization, member, path.read_bytes())


def interrupted(run: ValidationRun, monkeypatch: pytest.MonkeyPatch, phase: str = "run_rules") -> ResultSet:
    """What the first attempt left, which the disk failed under at that phase."""

    def full(*args: object, **kwargs: object) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Check, phase, full)
        drain(raising=False)
    assert job_of(run).get().status == JobStatus.RETRYING
    return ResultSet.unscoped.get(run=run)


def job_of(run: ValidationRun) -> QuerySet[Job]:
    assert run.job_id
    return Job.objects.filter(pk=run.job_id)


def ended(run: ValidationRun) -> ValidationRun:
    """The run after its next attempt."""
    job_of(run).update(due_at=timezone.now())
    drain()
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED
    return run


def rows_of(result: ResultSet) -> list[int]:
    return list(BillingRecord.unscoped.filter(result=result).order_by("row").values_list("row", flat=True))


def kept(run: ValidationRun) -> list[int]:
    return [entry.params["records"] for entry in LogEntry.unscoped.filter(run=run, code="records-kept")]


def test_whole_portions_stay_and_the_rest_is_written_again(
    run: ValidationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = interrupted(run, monkeypatch)
    assert rows_of(left) == list(range(1, ROWS + 1))
    ended(run)
    assert (run.result, kept(run)) == (left, [40])
    assert rows_of(left) == list(range(1, ROWS + 1))
    assert LogEntry.unscoped.filter(run=run, code="records-stored").latest("pk").params["records"] == 5


def test_it_ends_like_a_run_that_nothing_interrupted(
    run: ValidationRun, organization: Organization, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.file.open() as file:
        content = file.read()
    interrupted(run, monkeypatch, "finding_batches" if connection.vendor == "sqlite" else "export_findings")
    ended(run)
    other = factories.sent_run(organization, member, content)
    ValidationRun.unscoped.filter(pk=other.pk).update(replaces=run)
    ended(other)
    fields = ("code", "line", "row", "column_index", "value")
    found = [
        list(Finding.unscoped.filter(result=one.result).order_by(*fields).values_list(*fields))
        for one in (run, other)
    ]
    assert found[0] == found[1] != []
    assert (run.error_count, run.amount_total_cents) == (other.error_count, other.amount_total_cents)


def test_what_another_build_of_the_engine_stored_is_not_mixed_with_ones_own(
    run: ValidationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = interrupted(run, monkeypatch)
    monkeypatch.setattr(processing, "fingerprint", lambda: "another build")
    ended(run)
    assert run.result != left
    assert kept(run) == []
    assert not BillingRecord.unscoped.filter(result_id=left.pk).exists()


def test_a_set_with_a_hole_is_not_gone_on_with(run: ValidationRun, monkeypatch: pytest.MonkeyPatch) -> None:
    left = interrupted(run, monkeypatch)
    BillingRecord.unscoped.filter(result=left, row=7).delete()
    ended(run)
    assert (kept(run), run.result == left) == ([], False)
    assert run.result is not None
    assert rows_of(run.result) == list(range(1, ROWS + 1))


def test_a_set_that_a_retry_has_taken_up_is_not_swept(
    run: ValidationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = interrupted(run, monkeypatch)
    ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.FAILED)
    ResultSet.unscoped.update(created_at="2026-01-01T00:00Z")
    listed = retention._is_taken

    def retried_meanwhile(sets: Any) -> bool:
        ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.PROCESSING)
        return listed(sets)

    monkeypatch.setattr(retention, "_is_taken", retried_meanwhile)
    retention.sweep(abandoned_after=timedelta(hours=1), checkpoint=lambda: None)
    left.refresh_from_db()
    assert (left.run, len(rows_of(left))) == (run, ROWS)


def test_x05_an_attempt_that_lost_its_job_writes_no_further_row(
    run: ValidationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    portions = 0

    def take_over(*args: object) -> None:
        nonlocal portions
        portions += 1
        if portions == 3:
            job_of(run).update(fence=99)

    original = store.write_records
    monkeypatch.setattr(
        store,
        "write_records",
        lambda check, result, rows, progress, **more: original(check, result, rows, take_over, **more),
    )
    drain(raising=False)
    stored = BillingRecord.unscoped.filter(result__run=run).count()
    assert stored == 3 * (4 if connection.vendor == "sqlite" else PORTION)
    assert not Finding.unscoped.filter(result__run=run).exists()
