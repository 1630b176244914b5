"""A run follows its job to the end, whatever else goes wrong then."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from jobs import lifecycle
from jobs.admission import Seat
from organizations.announcements import announced
from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import services
from validations.models import RunStatus, ValidationRun


@pytest.fixture
def broken_listener() -> Iterator[None]:
    def fail(**kwargs: Any) -> None:
        raise LookupError

    announced.connect(fail)
    yield
    announced.disconnect(fail)


@pytest.mark.django_db(transaction=True)
def test_a_run_ends_although_nobody_can_be_told(
    organization: Organization, member: User, broken_listener: None
) -> None:
    run = factories.sent_run(organization, member, b'{"a": [1, 2, 3]}\n')
    drain(raising=False)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (RunStatus.FAILED, "not-a-table")


class Undeletable(FileSystemStorage):
    """A storage that lets nothing go."""

    def delete(self, name: str) -> None:
        raise PermissionError


@pytest.mark.django_db(transaction=True)
def test_a_run_is_cancelled_although_its_file_cannot_be_deleted(
    organization: Organization, member: User, settings: Any
) -> None:
    run = factories.sent_run(organization, member, b"a;b\r\n1;2\r\n")
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": f"{__name__}.Undeletable"}}
    assert services.cancel_run(run=run, by=member)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_x04_a_run_whose_worker_was_asked_to_stop_waits_again(
    organization: Organization, member: User
) -> None:
    run = factories.sent_run(organization, member)
    assert run.job is not None
    job = lifecycle.claim(run.job.pk, Seat(worker="worker-1", host="here", pid=1))
    assert job is not None
    ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.PROCESSING, progress_percent=40)
    lifecycle.hand_back(job, lifecycle.Record())
    run.refresh_from_db()
    assert (run.status, run.phase, run.progress_percent) == (RunStatus.QUEUED, "", 0)
    assert run.log_entries.filter(code="put-back").count() == 1
