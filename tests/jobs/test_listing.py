"""Pages of the job list."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import listing, search
from jobs.listing import Place
from jobs.models import Job, JobStatus
from tests.support.probe import tasks

pytestmark = pytest.mark.django_db


def make(number: int, **fields: object) -> list[Job]:
    """Jobs, the oldest first, a minute apart."""
    now = timezone.now()
    rows = [
        Job(
            task="a.task",
            queue="emails",
            timeout_seconds=1,
            max_attempts=1,
            created_at=now - timedelta(minutes=number - place),
            due_at=now,
            **fields,
        )
        for place in range(number)
    ]
    return Job.objects.bulk_create(rows)


def filters(**parameters: str) -> search.Filters:
    return search.parse(parameters, may_see_arguments=True)


def pages(size: int, **parameters: str) -> list[list[Job]]:
    """Every page that the links to older jobs lead through."""
    found, after = [], None
    while True:
        page = listing.page(filters(**parameters), after=after, size=size)
        found.append(list(page.jobs))
        if page.after is None:
            return found
        after = Place.parse(str(page.after))


def test_pages_show_every_job_once_newest_first() -> None:
    jobs = make(7)
    shown = pages(3)
    assert [len(page) for page in shown] == [3, 3, 1]
    assert [job for page in shown for job in page] == jobs[::-1]


def test_jobs_of_one_moment_are_neither_repeated_nor_left_out() -> None:
    make(9)
    Job.objects.update(created_at=timezone.now())
    shown = [job.pk for page in pages(2) for job in page]
    assert len(shown) == len(set(shown)) == 9


@pytest.mark.parametrize("microsecond", [0, 250_000, 250_001])
@pytest.mark.parametrize("by_clock", [True, False])
def test_jobs_of_one_moment_are_paged_whoever_dated_them(microsecond: int, by_clock: bool) -> None:  # noqa: FBT001
    """SQLite's clock and Python write one moment as different texts."""
    moment = timezone.now().replace(microsecond=microsecond - microsecond % 1000 if by_clock else microsecond)
    make(6)
    Job.objects.update(created_at=moment)
    if by_clock and connection.vendor == "sqlite":
        text = f"{moment:%Y-%m-%d %H:%M:%S}.{microsecond // 1000:03d}"
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobs_job SET created_at = %s", [text])
    shown = [job.pk for page in pages(2) for job in page]
    assert len(shown) == len(set(shown)) == 6
    assert not Job.objects.filter(filters(until=moment.isoformat()).condition()).exists()
    assert Job.objects.filter(filters(since=moment.isoformat()).condition()).count() == 6


@pytest.mark.parametrize("window", [1, 2, 3, 5, 100])
def test_windows_of_any_width_show_the_same(monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(listing, "SMALLEST_WINDOW", window)
    monkeypatch.setattr(listing, "LARGEST_WINDOW", window)
    jobs = make(12)
    wanted = jobs[::3]
    Job.objects.filter(pk__in=[job.pk for job in wanted]).update(worker="w1")
    Job.objects.filter(pk__in=[job.pk for job in jobs[3:9]]).update(created_at=jobs[5].created_at)
    shown = [job.pk for page in pages(2, worker="w1") for job in page]
    assert len(shown) == len(set(shown)) == len(wanted)
    assert set(shown) == {job.pk for job in wanted}


def test_a_search_ends_when_its_time_is_up_and_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SMALLEST_WINDOW", 2)
    monkeypatch.setattr(listing, "LARGEST_WINDOW", 2)
    jobs = make(8)
    Job.objects.filter(pk=jobs[0].pk).update(worker="w1")
    page = listing.page(filters(worker="w1"), budget_seconds=0)
    assert (list(page.jobs), page.searched_to) == ([], jobs[6].created_at)
    looks = 1
    while not page.jobs:
        page = listing.page(filters(worker="w1"), after=page.after, budget_seconds=0)
        looks += 1
    assert (list(page.jobs), looks) == ([jobs[0]], 4)


def test_counts_stop_at_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "COUNTED", 3)
    make(5, status=JobStatus.FAILED)
    make(2)
    counts = listing.state_counts(filters())
    assert (counts["failed"].count, counts["failed"].is_more) == (3, True)
    assert (counts["queued"].count, counts["queued"].is_more) == (2, False)
    assert (counts["running"].count, counts["running"].is_more) == (0, False)


def test_counts_beside_a_filter_are_of_the_jobs_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "COUNTED_NEWEST", 4)
    make(3, tenant_id=7)
    make(9, tenant_id=8)
    assert listing.state_counts(filters(tenant_id="7", status="failed"))["queued"].count == 3
    many = listing.state_counts(filters(tenant_id="8"))["queued"]
    assert (many.count, many.is_more) == (4, True)
    assert listing.state_counts(filters(q="error:x")) == {}


def test_counts_beside_an_error_group_are_of_that_group() -> None:
    make(2, status=JobStatus.FAILED, error_group="a")
    make(3, status=JobStatus.FAILED, error_group="b")
    make(1)
    counts = listing.state_counts(filters(error_group="a"))
    assert {status: found.count for status, found in counts.items()} == {"failed": 2}
    assert listing.state_counts(filters(error_group="a", queue="maintenance")) == {}


def test_counting_for_a_preview_says_whether_it_saw_all() -> None:
    make(5)
    assert listing.count(filters(), limit=10, budget_seconds=9) == (5, True)
    assert listing.count(filters(), limit=3, budget_seconds=9) == (3, False)


def test_no_page_counts_a_table_or_skips_rows() -> None:
    make(5)
    with CaptureQueriesContext(connection) as asked:
        listing.page(filters(), size=2)
        listing.state_counts(filters())
    assert all("LIMIT" in query["sql"] for query in asked)
    assert not any('"jobs_job"."arguments"' in query["sql"] for query in asked)


@pytest.mark.parametrize(
    "text", ["", "x", "2026-11-22T10:00_x", f"2026-11-22T10:00_{UUID(int=0).hex}", "_", "٣_٣"]
)
def test_b08_a_place_that_is_none_begins_at_the_newest(text: str) -> None:
    assert Place.parse(text) is None


def test_a_place_survives_its_address() -> None:
    tasks.empty.enqueue()
    job = Job.objects.get()
    place = Place(job.created_at, job.pk)
    assert Place.parse(str(place)) == place
