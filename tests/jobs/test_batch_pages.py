"""The pages of batches: how far they are, and who may cancel them."""

import pytest
from django.test import Client
from django.urls import reverse

from jobs import followups
from jobs.batches import open_batch, seal_batch
from jobs.models import AuditEntry, Batch, BatchStatus, Job, JobStatus
from jobs.tasks import enqueue_many
from tests.conftest import signed_in
from tests.support.probe import tasks
from tests.support.staff import staff, staff_client

pytestmark = pytest.mark.django_db

LIST = "admin:jobs_batch_changelist"


@pytest.fixture
def batch() -> Batch:
    """Four jobs: one succeeded, one failed, two wait."""
    batch = open_batch("Import <i>July</i>", then=tasks.sum_up, path="x")
    jobs = enqueue_many([tasks.empty.using(batch=batch).plan() for _ in range(4)])
    Job.objects.filter(pk=jobs[0].pk).update(status=JobStatus.SUCCEEDED)
    Job.objects.filter(pk=jobs[1].pk).update(status=JobStatus.FAILED, error_code="too_long")
    seal_batch(batch)
    return Batch.objects.get(pk=batch.pk)


def page(batch: Batch) -> str:
    return reverse("admin:jobs_batch_change", args=[batch.pk])


def cancel(client: Client, batch: Batch) -> int:
    address = reverse("admin:jobs_batch_cancel", args=[batch.pk])
    return client.post(address, {"reason": "Wrong file"}, follow=True).status_code


def test_the_list_shows_how_far_each_batch_is(batch: Batch) -> None:
    body = staff_client("jobs.view_batch").get(reverse(LIST)).content.decode()
    assert "2 of 4" in body
    assert "Import &lt;i&gt;July" in body


def test_the_list_finds_by_status_and_name(batch: Batch) -> None:
    open_batch("Other")
    client = staff_client("jobs.view_batch")

    def names(**query: str) -> set[str]:
        return {one.row.name for one in client.get(reverse(LIST), query).context["batches"]}

    assert names() == {batch.name, "Other"}
    assert names(q="other") == {"Other"}
    assert names(status="succeeded") == set()
    assert names(status="nonsense", q="a\x00") == set()


def test_the_list_asks_the_same_few_questions_however_many_there_are(
    batch: Batch, django_assert_max_num_queries: object
) -> None:
    client = staff_client("jobs.view_batch")
    for number in range(10):
        open_batch(f"Batch {number}")
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert len(client.get(reverse(LIST)).context["batches"]) == 11


def test_the_page_shows_the_batch_s_jobs_by_status_and_what_follows(batch: Batch) -> None:
    body = staff_client("jobs.view_batch").get(page(batch)).content.decode()
    for text in ("2 of 4 jobs have ended (50 %)", "too_long", "Note which batch is over.", "?batch="):
        assert text in body, text
    assert "Cancel batch" not in body


def test_the_page_follows_a_batch_that_goes_on_and_leaves_an_ended_one_alone(batch: Batch) -> None:
    client = staff_client("jobs.view_batch")
    assert "data-over" not in client.get(page(batch)).content.decode()
    Batch.objects.update(status=BatchStatus.SUCCEEDED)
    assert "data-over" in client.get(page(batch)).content.decode()


def test_e04_cancelling_needs_its_permission_and_a_refused_try_is_kept(batch: Batch) -> None:
    person = staff("jobs.view_batch")
    assert cancel(signed_in(person), batch) == 403
    line = AuditEntry.objects.get()
    assert (line.action, line.target_kind, line.by) == ("refused", "batch", person)
    assert Job.objects.filter(status=JobStatus.QUEUED).count() == 2


def test_e05_cancelling_by_get_does_nothing(batch: Batch) -> None:
    client = staff_client("jobs.view_batch", "jobs.cancel_batch")
    assert client.get(reverse("admin:jobs_batch_cancel", args=[batch.pk])).status_code == 405
    assert Job.objects.filter(status=JobStatus.QUEUED).count() == 2


def test_cancelling_ends_the_batch_once_with_a_line_in_the_trail(batch: Batch) -> None:
    client = staff_client("jobs.view_batch", "jobs.cancel_batch")
    assert [cancel(client, batch), cancel(client, batch)] == [200, 200]
    followups.reconcile()
    assert Batch.objects.get(pk=batch.pk).status == BatchStatus.CANCELLED
    line = AuditEntry.objects.get()
    assert (line.action, line.count, line.reason) == ("cancel", 2, "Wrong file")


def test_who_may_not_see_batches_sees_none(batch: Batch) -> None:
    client = staff_client("jobs.view_job", "jobs.cancel_batch")
    assert client.get(reverse(LIST)).status_code == 403
    assert client.get(page(batch)).status_code == 403
    assert cancel(client, batch) == 403
    assert Job.objects.filter(status=JobStatus.QUEUED).count() == 2


def test_a_batch_that_is_not_there_has_no_page() -> None:
    client = staff_client("jobs.view_batch")
    for key in ("x", "7a0e8400-e29b-41d4-a716-446655440000"):
        assert client.get(reverse("admin:jobs_batch_change", args=[key])).status_code == 404
