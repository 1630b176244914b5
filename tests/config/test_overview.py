"""The first page of the admin."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from jobs.models import Job
from tests.support.jobs import created
from tests.support.staff import staff_client


@pytest.fixture
def queued(db: None) -> None:
    for _number in range(3):
        created(Job(task="a.task", queue="emails", timeout_seconds=1, max_attempts=1))


def test_the_first_page_counts_what_the_person_may_see(queued: None) -> None:
    tiles = staff_client("jobs.view_job").get(reverse("admin:index")).context["tiles"]
    assert {tile["label"]: tile["count"] for tile in tiles}["Jobs queued"] == "3"


def test_the_first_page_counts_nothing_for_others(queued: None) -> None:
    assert staff_client().get(reverse("admin:index")).context["tiles"] == []


def test_a_failure_counts_by_when_it_failed_and_not_by_when_its_job_was_made(queued: None) -> None:
    now = timezone.now()
    *late, old = Job.objects.all()
    Job.objects.filter(pk__in=[job.pk for job in late]).update(
        status="failed", created_at=now - timedelta(days=2), finished_at=now
    )
    Job.objects.filter(pk=old.pk).update(status="failed", finished_at=now - timedelta(days=2))
    tiles = staff_client("jobs.view_job").get(reverse("admin:index")).context["tiles"]
    assert {tile["label"]: tile["count"] for tile in tiles}["Jobs failed in 24 hours"] == "2"


def test_the_menu_shows_only_what_the_person_may_open(queued: None) -> None:
    body = staff_client("jobs.view_job").get(reverse("admin:index")).content.decode()
    assert reverse("admin:jobs_job_changelist") in body
    assert reverse("admin:validations_finding_changelist") not in body
    assert reverse("admin:django_rq_home") not in body
