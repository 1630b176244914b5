"""Files that were sent together: one progress, one summary, one piece of news; each file stands for itself."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import UploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import Batch, BatchStatus, JobStatus
from notifications.models import Notification
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain
from validations import batches, retention, services
from validations.batches import Received
from validations.models import RunBatch, RunStatus, ValidationRun

HEADER = "Facture;ID RAMQ;Date de Service;Lieu;Code;Montant Preliminaire;Doctor Info;Patient\r\n"
LINE = "12345678{n};1234567890{n};2026-11-03;50137;{code};22,75;1632084-12345 Roy;TREM80010112 Tremblay\r\n"

pytestmark = pytest.mark.django_db(transaction=True)


def file(n: int, code: str = "15804") -> UploadedFile[Any]:
    """A good file, or one with an unknown code."""
    return factories.upload((HEADER + LINE.format(n=n, code=code)).encode(), f"file{n}.csv")


def empty() -> UploadedFile[Any]:
    return factories.upload(b"", "empty.csv")


def receive(place: Organization, by: User, *files: UploadedFile[Any], key: str = "k") -> Received:
    return batches.receive(
        organization=place,
        user=by,
        files=files,
        profile=factories.profile(),
        options={},
        key=key,
    )


def address(name: str, batch: RunBatch) -> str:
    return reverse(f"validations:batch-{name}", args=[batch.organization.slug, batch.pk])


def jobs_of(batch: RunBatch) -> Batch:
    batch = RunBatch.unscoped.select_related("job_batch").get(pk=batch.pk)
    assert batch.job_batch is not None
    return batch.job_batch


@pytest.fixture
def batch(organization: Organization, member: User) -> RunBatch:
    """A good file, one with an error, one that was refused at the door."""
    received = receive(organization, member, file(1), file(2, "99999"), empty())
    assert received.batch is not None
    return received.batch


def test_a_file_that_is_refused_does_not_keep_the_others_out(batch: RunBatch) -> None:
    summary = batches.summary(batch)
    assert [run.file_name for run in summary.runs] == ["file1.csv", "file2.csv"]
    assert [(one.name, one.code) for one in summary.refusals] == [("empty.csv", "file-empty")]
    assert (summary.active, summary.done, summary.percent) == (2, 0, 0)


def test_the_summary_adds_up_what_was_found(batch: RunBatch) -> None:
    drain()
    summary = batches.summary(batch)
    assert (summary.ready, summary.counts["refused"], summary.active, summary.percent) == (1, 1, 0, 100)
    assert (summary.rows, summary.errors, summary.amount_at_stake_cents) == (2, 1, 2275)


def test_progress_weighs_files_by_their_size(batch: RunBatch) -> None:
    first, second = batch.runs.order_by("created_at")
    ValidationRun.unscoped.filter(pk=first.pk).update(size_bytes=900, status="completed")
    ValidationRun.unscoped.filter(pk=second.pk).update(size_bytes=100, progress_percent=50)
    assert batches.summary(batch).percent == 95
    ValidationRun.unscoped.filter(pk=second.pk).update(progress_percent=100)
    assert batches.summary(batch).percent == 99


def test_one_notice_and_one_mail_tell_what_came_of_all_files(batch: RunBatch, member: User) -> None:
    drain()
    (notice,) = Notification.unscoped.filter(user=member)
    assert (notice.kind, notice.path) == ("batch_finished", address("detail", batch))
    assert (notice.parameters["files"], notice.parameters["files_refused"]) == (2, 1)
    (letter,) = mail.outbox
    assert "1 of 2 files has errors to fix" in letter.subject
    assert "file1" not in letter.body
    assert jobs_of(batch).status == BatchStatus.SUCCEEDED


def test_a_file_of_the_batch_that_is_retried_later_is_told_by_itself(batch: RunBatch, member: User) -> None:
    run = batch.runs.earliest("created_at")
    services.cancel_run(run=run, by=member)
    drain()
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert Notification.unscoped.get().parameters["files"] == 1
    # Where files are not kept, a cancelled run has none to check again.
    run.file.save("again.csv", file(1))
    assert services.retry_run(run=run, by=member)
    drain()
    assert set(Notification.unscoped.values_list("kind", flat=True)) == {"batch_finished", "run_finished"}


def test_the_same_form_sent_twice_makes_one_batch(organization: Organization, member: User) -> None:
    first = receive(organization, member, file(1), file(2))
    again = receive(organization, member, file(1), file(2))
    assert (again.batch, again.runs) == (first.batch, first.runs)
    assert ValidationRun.unscoped.count() == 2


def test_a_file_that_comes_after_the_batch_was_closed_is_checked_too(
    organization: Organization, member: User
) -> None:
    receive(organization, member, file(1), file(2))
    later = receive(organization, member, file(1), file(2), file(3))
    drain()
    assert [run.batch for run in later.runs] == [later.batch] * 3
    assert set(ValidationRun.unscoped.values_list("status", flat=True)) == {RunStatus.COMPLETED}
    assert set(Notification.unscoped.values_list("kind", flat=True)) == {"batch_finished", "run_finished"}


def test_where_no_file_comes_in_nothing_is_left(organization: Organization, member: User) -> None:
    received = receive(organization, member, empty(), factories.upload(b"%PDF-1.7", "a.csv"))
    assert (received.batch, received.runs, len(received.refusals)) == (None, [], 2)
    assert not RunBatch.unscoped.exists()
    assert not Batch.objects.exists()


def test_everything_that_waits_is_cancelled_by_one_click(
    batch: RunBatch, member_client: Client, member: User
) -> None:
    page = member_client.get(address("detail", batch)).content.decode()
    assert "Cancel all" in page
    assert member_client.post(address("cancel", batch)).status_code == 302
    assert set(batch.runs.values_list("status", flat=True)) == {RunStatus.CANCELLED}
    drain()
    assert not Notification.unscoped.exists(), "cancelled by oneself is no news"
    assert set(batch.runs.values_list("job__status", flat=True)) == {JobStatus.CANCELLED}
    assert "already ended" in member_client.post(address("cancel", batch), follow=True).content.decode()


def test_what_was_started_again_after_the_end_is_cancelled_too(batch: RunBatch, member: User) -> None:
    run = batch.runs.earliest("created_at")
    services.cancel_run(run=run, by=member)
    drain()
    run.refresh_from_db()
    run.file.save("again.csv", file(1))
    assert services.retry_run(run=run, by=member)
    assert batches.cancel(batch=batch, by=member)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED


def test_only_who_may_change_runs_cancels_them(batch: RunBatch, viewer: User) -> None:
    client = signed_in(viewer)
    assert "Cancel all" not in client.get(address("detail", batch)).content.decode()
    assert client.post(address("cancel", batch)).status_code == 403
    assert batches.summary(batch).active == 2


def test_the_page_names_every_file_and_why_one_is_missing(batch: RunBatch, member_client: Client) -> None:
    page = member_client.get(address("detail", batch)).content.decode()
    assert "3 files sent together" in page
    assert re.search(r"empty\.csv – The selected file is empty", page)
    assert 'data-live="page"' in page
    drain()
    page = member_client.get(address("detail", batch)).content.decode()
    assert 'data-live="page"' not in page
    for run in batch.runs.all():
        assert reverse("validations:run-detail", args=[batch.organization.slug, run.pk]) in page
    run = batch.runs.latest("created_at")
    of_run = member_client.get(reverse("validations:run-detail", args=[batch.organization.slug, run.pk]))
    assert address("detail", batch) in of_run.content.decode()
    assert (
        address("detail", batch)
        in member_client.get(reverse("validations:run-list", args=[batch.organization.slug])).content.decode()
    )


def test_the_live_part_says_how_many_are_done(batch: RunBatch, member_client: Client) -> None:
    state = member_client.get(address("progress", batch)).json()
    assert (state["done"], state["say"]) == (False, "0 of 2 files checked")
    drain()
    state = member_client.get(address("progress", batch)).json()
    assert (state["done"], state["say"]) == (True, "2 of 2 files checked")


def test_a_program_sends_several_files_and_follows_them(
    organization: Organization, member: User, client: Client
) -> None:
    headers = {"Authorization": f"Bearer {factories.api_key(organization, member, 'Program')}"}
    headers["Idempotency-Key"] = str(uuid.uuid4())
    sent = [
        client.post(
            "/api/validations/batches", {"files": [file(1), file(2, "99999"), empty()]}, headers=headers
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sent] == [202, 202]
    assert sent[0].json()["batchId"] == sent[1].json()["batchId"]
    drain()
    answer = client.get(f"/api/validations/batches/{sent[0].json()['batchId']}", headers=headers).json()
    assert (answer["percent"], answer["done"], answer["total"]) == (100, 2, 2)
    assert [(one["status"], one["verdict"], one["errors"]) for one in answer["files"]] == [
        ("completed", "accepted", 0), ("completed", "refused", 1), ("refused", None, 0),
    ]  # fmt: skip
    assert answer["files"][2]["error"]["code"] == "file-empty"
    run = client.get(f"/api/validations/{answer['files'][0]['validationId']}", headers=headers).json()
    assert run["batchId"] == answer["batchId"]


def test_what_came_in_before_the_server_failed_is_told_all_the_same(
    organization: Organization, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = services.create_run

    def failing(**fields: Any) -> Any:
        if fields["upload"].name == "file2.csv":
            raise OSError("the disk is gone")
        return create(**fields)

    monkeypatch.setattr(services, "create_run", failing)
    with pytest.raises(OSError, match="gone"):
        receive(organization, member, file(1), file(2))
    drain()
    assert Notification.unscoped.get().kind == "batch_finished"


def test_several_files_replace_no_single_one(
    organization: Organization, member: User, client: Client
) -> None:
    headers = {"Authorization": f"Bearer {factories.api_key(organization, member, 'Program')}"}
    data = {"files": [file(1), file(2)], "replaces": str(uuid.uuid4())}
    answer = client.post("/api/validations/batches", data, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "replaces-one")
    assert not ValidationRun.unscoped.exists()


def test_a_program_learns_why_none_was_accepted(
    organization: Organization, member: User, client: Client
) -> None:
    headers = {"Authorization": f"Bearer {factories.api_key(organization, member, 'Program')}"}
    answer = client.post("/api/validations/batches", {"files": [empty()]}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "file-empty")


def test_a_batch_goes_with_its_last_run(batch: RunBatch, member: User) -> None:
    drain()
    first, last = batch.runs.order_by("created_at")
    services.delete_run(run=first, by=member)
    assert RunBatch.unscoped.filter(pk=batch.pk).exists()
    services.delete_run(run=last, by=member)
    assert not RunBatch.unscoped.filter(pk=batch.pk).exists()


def test_a_batch_whose_request_died_is_closed_by_the_sweep(organization: Organization, member: User) -> None:
    opened = batches._opened(organization, member, "dead")
    services.create_run(
        organization=organization,
        user=member,
        upload=file(1),
        profile=factories.profile(),
        batch=opened,
    )
    drain()
    assert jobs_of(opened).status == BatchStatus.RUNNING
    RunBatch.unscoped.update(created_at=timezone.now() - timedelta(days=2))
    retention.sweep(abandoned_after=timedelta(days=1), checkpoint=lambda: None)
    drain()
    assert jobs_of(opened).status == BatchStatus.SUCCEEDED
    assert Notification.unscoped.get().kind == "batch_finished"
