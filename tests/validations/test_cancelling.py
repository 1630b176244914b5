"""A run is cancelled in whatever phase it is, and nothing of it is shown."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import retention, services
from validations.engine.sample import write_sample
from validations.models import BillingRecord, Finding, Phase, ResultSet, RunStatus, ValidationRun
from validations.progress import ProgressReporter

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(organization: Organization, member: User, tmp_path: Path) -> ValidationRun:
    path = tmp_path / "sample.csv"
    write_sample(path, 200, 0.1, 7)
    return factories.sent_run(organization, member, path.read_bytes())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step looks whether the run is to stop; otherwise a small file is over before the first look."""
    monkeypatch.setattr("jobs.context.PROGRESS_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr("validations.progress.INTERVAL_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("phase", list(Phase))
def test_a_run_that_is_cancelled_in_a_phase_ends_there_and_keeps_nothing(
    run: ValidationRun, member: User, monkeypatch: pytest.MonkeyPatch, phase: Phase
) -> None:
    entered: list[Phase] = []
    enter: Callable[..., Any] = ProgressReporter.enter

    def cancelling(reporter: ProgressReporter, now: Phase) -> None:
        entered.append(now)
        if now == phase:
            services.cancel_run(run=ValidationRun.unscoped.get(pk=run.pk), by=member)
        enter(reporter, now)

    monkeypatch.setattr(ProgressReporter, "enter", cancelling)
    drain(raising=False)
    run.refresh_from_db()
    assert (run.status, run.result, run.error_count) == (RunStatus.CANCELLED, None, 0)
    assert entered[-1] == phase, "it went on into the next phase"
    assert not run.file, "where files are not kept, that of a cancelled run goes too"
    ResultSet.unscoped.update(created_at="2026-01-01T00:00Z")
    retention.sweep(abandoned_after=timedelta(hours=1), checkpoint=lambda: None)
    for rows in (ResultSet, BillingRecord, Finding):
        assert not rows.unscoped.exists()
