"""What people can do with runs."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from jobs import services as job_services
from jobs.errors import RefusedError
from jobs.models import Job, JobStatus
from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import assert_enqueued, drain
from validations import quotas, services, tasks
from validations.intake import UploadRefusedError
from validations.models import Finding, LogEntry, ResultSet, RunStatus, ValidationRun

GOOD = (
    b"Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient\r\n"
    b";12345678901;2026-11-03;51234;00103;47,05;1632084-12345 Roy;TREM80010112 Tremblay Marie\r\n"
)


def create(organization: Organization, user: User, content: bytes = GOOD, **fields: Any) -> ValidationRun:
    return factories.sent_run(organization, user, content, **fields)


def job_id(run: ValidationRun) -> UUID:
    assert run.job_id
    return run.job_id


def stored_files(settings: Any) -> list[str]:
    folder = settings.MEDIA_ROOT / "uploads"
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_new_run_has_its_file_and_its_job(organization: Organization, member: User, settings: Any) -> None:
    run = create(organization, member)
    assert_enqueued(tasks.validate_run, run_id=str(run.pk))
    assert stored_files(settings) == [f"{run.pk}.csv"]
    assert run.sha256 or run.size_bytes == len(GOOD)


def test_a07_the_stored_name_holds_nothing_of_the_senders_name(
    organization: Organization, member: User
) -> None:
    upload = factories.upload(GOOD, "../../Tremblay Marie.csv")
    run = create(organization, member, upload=upload)
    assert run.file.name == f"uploads/{organization.pk}/{run.pk}.csv"
    assert run.file_name == "Tremblay Marie.csv"


def test_a09_two_files_of_one_name_are_two_runs(
    organization: Organization, member: User, settings: Any
) -> None:
    create(organization, member)
    create(organization, member, GOOD + b"\r\n")
    assert ValidationRun.unscoped.count() == 2
    assert len(stored_files(settings)) == 2


def test_a14_the_daily_limit_is_named_and_stores_nothing(
    organization: Organization, member: User, settings: Any
) -> None:
    organization.daily_upload_limit = 1
    create(organization, member)
    with pytest.raises(UploadRefusedError) as caught:
        create(organization, member)
    assert (caught.value.code, caught.value.status) == ("daily-limit", 429)
    assert len(stored_files(settings)) == 1


def test_a14_the_daily_size_is_named_and_stores_nothing(
    organization: Organization, member: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "MIB", len(GOOD))
    organization.daily_size_limit_mib = 1
    organization.save()
    create(organization, member)
    with pytest.raises(UploadRefusedError) as caught:
        create(organization, member)
    assert (caught.value.code, caught.value.status) == ("daily-size-limit", 429)
    assert "limit of" in caught.value.message
    assert len(stored_files(settings)) == 1


def test_a14_a_person_who_sends_too_many_in_a_minute_waits_and_others_do_not(
    organization: Organization,
    member: User,
    owner: User,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.UPLOADS_PER_MINUTE = 2
    create(organization, member)
    create(organization, member)
    with pytest.raises(UploadRefusedError) as caught:
        create(organization, member)
    assert (caught.value.code, caught.value.headers) == ("minute-limit", {"Retry-After": "60"})
    assert "2 files" in caught.value.message
    create(organization, owner)
    # Deleting what was sent makes no room.
    services.delete_run(run=ValidationRun.unscoped.filter(created_by=member)[0], by=member)
    with pytest.raises(UploadRefusedError):
        create(organization, member)
    later = timezone.now() + timedelta(seconds=61)
    monkeypatch.setattr("validations.quotas.timezone.now", lambda: later)
    create(organization, member)
    assert len(stored_files(settings)) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a SQLite in memory refuses threads")
def test_a14_files_that_come_at_once_do_not_pass_the_limit_together(settings: Any) -> None:
    organization = factories.organization(daily_upload_limit=2)
    person = factories.member(organization)

    def send(_number: int) -> str:
        try:
            create(organization, person)
        except UploadRefusedError as refusal:
            return refusal.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(12)))
    assert Counter(answers) == {"": 2, "daily-limit": 10}
    assert len(stored_files(settings)) == 2


def test_a13_a_suspended_organization_uploads_nothing(organization: Organization, member: User) -> None:
    organization.suspended_at = timezone.now()
    with pytest.raises(UploadRefusedError) as caught:
        create(organization, member)
    assert caught.value.status == 403


def test_a_run_that_cannot_be_recorded_leaves_no_file(
    organization: Organization, member: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError

    # The database is what leaves this process here; it is replaced at its border.
    monkeypatch.setattr(ValidationRun, "save", refuse)
    with pytest.raises(IntegrityError):
        create(organization, member)
    assert stored_files(settings) == []
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_file_is_gone_when_the_run_has_ended(
    organization: Organization, member: User, settings: Any
) -> None:
    run = create(organization, member)
    drain()
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED
    assert stored_files(settings) == []
    assert run.file_deleted_at is not None


@pytest.mark.django_db(transaction=True)
def test_the_file_is_kept_where_the_organization_asked_for_it(
    organization: Organization, member: User, settings: Any
) -> None:
    Organization.objects.update(keep_files_days=7)
    run = create(organization, member)
    drain()
    assert stored_files(settings) == [f"{run.pk}.csv"]


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_no_table_fails_at_once_and_says_why(organization: Organization, member: User) -> None:
    run = create(organization, member, b'{"a": [1, 2, 3], "b": {"c": null}}\n')
    drain(raising=False)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (RunStatus.FAILED, "not-a-table")
    assert run.job is not None
    assert run.job.attempt == 1
    assert not ResultSet.unscoped.filter(run__result__isnull=False).exists()


def test_cancelling_a_waiting_run_ends_it_at_once(
    organization: Organization, member: User, django_capture_on_commit_callbacks: Any
) -> None:
    run = create(organization, member)
    with django_capture_on_commit_callbacks(execute=True):
        assert services.cancel_run(run=run, by=member)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert not run.file


def test_cancelling_a_completed_run_changes_nothing(organization: Organization, member: User) -> None:
    run = factories.completed_run(organization, member)
    assert not services.cancel_run(run=run, by=member)
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED


@pytest.mark.django_db(transaction=True)
def test_a_failed_run_whose_file_is_kept_is_checked_again(organization: Organization, member: User) -> None:
    run = create(organization, member)
    Job.objects.filter(pk=job_id(run)).update(status=JobStatus.FAILED)
    ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.FAILED, error_code="interrupted")
    run.refresh_from_db()
    assert services.retry_run(run=run, by=member)
    drain()
    run.refresh_from_db()
    assert (run.status, run.error_code) == (RunStatus.COMPLETED, "")


def test_a_run_without_its_file_cannot_be_retried(organization: Organization, member: User) -> None:
    run = create(organization, member)
    ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.FAILED, file="")
    run.refresh_from_db()
    with pytest.raises(services.FileGoneError):
        services.retry_run(run=run, by=member)


@pytest.mark.django_db(transaction=True)
def test_running_again_makes_a_new_run_of_the_same_file(organization: Organization, member: User) -> None:
    Organization.objects.update(keep_files_days=7)
    run = create(organization, member)
    drain()
    run.refresh_from_db()
    again = services.run_again(run=run, by=member, options={"delimiter": ";"}, profile=run.profile)
    drain()
    again.refresh_from_db()
    assert again.repeats == run
    assert (again.status, again.options) == (RunStatus.COMPLETED, {"delimiter": ";"})


@pytest.mark.django_db(transaction=True)
def test_running_again_copies_no_byte_in_the_request_and_each_run_deletes_its_own(
    organization: Organization, member: User, settings: Any
) -> None:
    Organization.objects.update(keep_files_days=7)
    run = create(organization, member)
    drain()
    run.refresh_from_db()
    again = services.run_again(run=run, by=member, options={}, profile=run.profile)
    assert Path(again.file.path).samefile(run.file.path)
    assert again.file.name != run.file.name
    services.delete_run(run=run, by=member)
    drain()
    again.refresh_from_db()
    assert again.status == RunStatus.COMPLETED
    assert stored_files(settings) == [f"{again.pk}.csv"]


@pytest.mark.django_db(transaction=True)
def test_deleting_a_run_removes_its_findings_and_its_file(
    organization: Organization, member: User, settings: Any
) -> None:
    Organization.objects.update(keep_files_days=7)
    run = create(organization, member)
    drain()
    run.refresh_from_db()
    services.delete_run(run=run, by=member)
    drain()
    assert not ValidationRun.unscoped.exists()
    assert not Finding.unscoped.exists()
    assert not ResultSet.unscoped.exists()
    assert stored_files(settings) == []


@pytest.mark.django_db(transaction=True)
def test_the_sweeper_removes_files_without_a_run_after_a_day(
    organization: Organization, member: User, settings: Any
) -> None:
    orphan = (
        settings.MEDIA_ROOT / "uploads" / str(organization.pk) / "7a0e8400-e29b-41d4-a716-446655440000.csv"
    )
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    fresh = orphan.with_name("8a0e8400-e29b-41d4-a716-446655440000.csv")
    fresh.write_bytes(b"x")
    old = (timezone.now() - timedelta(days=2)).timestamp()
    os.utime(orphan, (old, old))
    tasks.sweep_files.enqueue()
    drain()
    assert (orphan.exists(), fresh.exists()) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_d06_a_job_of_another_organization_does_no_work(
    organization: Organization, other_organization: Organization, member: User
) -> None:
    run = create(organization, member)
    Job.objects.filter(pk=job_id(run)).update(tenant_id=other_organization.pk)
    drain(raising=False)
    run.refresh_from_db()
    assert run.result is None
    assert not ResultSet.unscoped.exists()


@pytest.mark.django_db(transaction=True)
def test_x16_a_job_that_is_run_twice_shows_one_result_set(organization: Organization, member: User) -> None:
    run = create(organization, member)
    drain()
    Job.objects.filter(pk=job_id(run)).update(status=JobStatus.QUEUED)
    drain()
    assert ResultSet.unscoped.count() == 1
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED


def hashed(content: bytes) -> Any:
    """A file as the web edge hands it over."""
    upload: Any = factories.upload(content)
    upload.sha256 = sha256(content).hexdigest()
    return upload


def test_a09_a_key_that_was_used_for_another_file_does_not_swallow_this_one(
    organization: Organization, member: User, settings: Any
) -> None:
    fields: dict[str, Any] = {"organization": organization, "user": member, "idempotency_key": "k"}
    fields["profile"] = factories.profile()
    services.create_run(upload=hashed(GOOD), **fields)
    with pytest.raises(UploadRefusedError) as caught:
        services.create_run(upload=hashed(GOOD + b"\r\n"), **fields)
    assert (caught.value.code, caught.value.status) == ("idempotency-key-reused", 409)
    assert services.create_run(upload=hashed(GOOD), **fields)[1] is False
    assert len(stored_files(settings)) == 1


def test_a_run_that_cannot_be_recorded_is_not_answered_with_another_one(
    organization: Organization, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(organization, member)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise IntegrityError

    # The database is what leaves this process here; it is replaced at its border.
    monkeypatch.setattr(ValidationRun, "save", refuse)
    with pytest.raises(IntegrityError):
        create(organization, member)


@pytest.fixture
def failed_run(organization: Organization, member: User) -> ValidationRun:
    run = create(organization, member)
    Job.objects.filter(pk=job_id(run)).update(status=JobStatus.FAILED)
    ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.FAILED, error_code="interrupted")
    run.refresh_from_db()
    return run


def test_e05_of_two_people_who_retry_a_run_at_once_one_does_it(
    failed_run: ValidationRun, member: User
) -> None:
    as_the_other_saw_it = ValidationRun.unscoped.select_related("job").get(pk=failed_run.pk)
    assert services.retry_run(run=failed_run, by=member)
    assert not services.retry_run(run=as_the_other_saw_it, by=member)


def test_a_run_goes_along_when_its_job_is_retried_from_the_page_of_jobs(
    failed_run: ValidationRun, superuser: User
) -> None:
    assert failed_run.job is not None
    assert job_services.retry_job(job=failed_run.job, by=superuser)
    failed_run.refresh_from_db()
    assert (failed_run.status, failed_run.error_code) == (RunStatus.QUEUED, "")
    assert LogEntry.unscoped.filter(run=failed_run, code="retried").exists()


@pytest.mark.parametrize("trouble", ["file gone", "suspended"])
def test_a_job_whose_run_cannot_be_checked_again_stays_ended(
    failed_run: ValidationRun, superuser: User, trouble: str
) -> None:
    if trouble == "suspended":
        Organization.objects.update(suspended_at=timezone.now())
    else:
        ValidationRun.unscoped.update(file="")
    assert failed_run.job is not None
    with pytest.raises(RefusedError):
        job_services.retry_job(job=failed_run.job, by=superuser)
    assert Job.objects.get(pk=failed_run.job.pk).status == JobStatus.FAILED
    failed_run.refresh_from_db()
    assert failed_run.status == RunStatus.FAILED


def test_e05_a_run_that_two_people_delete_at_once_is_deleted_once(
    failed_run: ValidationRun, member: User
) -> None:
    as_the_other_saw_it = ValidationRun.unscoped.select_related("job").get(pk=failed_run.pk)
    services.delete_run(run=failed_run, by=member)
    services.delete_run(run=as_the_other_saw_it, by=member)
    assert Job.objects.filter(task=tasks.delete_results.name).count() == 1


def test_a13_a_suspended_organization_checks_no_stored_file_again(
    failed_run: ValidationRun, member: User
) -> None:
    Organization.objects.update(suspended_at=timezone.now())
    suspended = ValidationRun.unscoped.get(pk=failed_run.pk)
    with pytest.raises(UploadRefusedError):
        services.retry_run(run=suspended, by=member)
    with pytest.raises(UploadRefusedError):
        services.run_again(run=suspended, by=member, options={}, profile=suspended.profile)
    assert ValidationRun.unscoped.count() == 1


def test_a14_running_again_counts_as_an_upload(failed_run: ValidationRun, member: User) -> None:
    Organization.objects.update(daily_upload_limit=1)
    limited = ValidationRun.unscoped.get(pk=failed_run.pk)
    with pytest.raises(UploadRefusedError) as caught:
        services.run_again(run=limited, by=member, options={}, profile=limited.profile)
    assert caught.value.code == "daily-limit"


@pytest.mark.django_db(transaction=True)
def test_b03_a_table_with_far_too_many_columns_fails_at_once_and_says_why(
    organization: Organization, member: User
) -> None:
    header = ";".join(f"c{number}" for number in range(2000))
    rows = "\r\n".join(";".join(["1"] * 2000) for _ in range(10))
    run = factories.sent_run(organization, member, f"{header}\r\n{rows}\r\n".encode())
    drain(raising=False)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (RunStatus.FAILED, "too_big")
    assert run.job is not None
    assert run.job.attempt == 1
