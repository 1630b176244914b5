"""The pages and buttons of jobs for operators."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.paginator import EmptyPage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs import lifecycle, listing
from jobs.admin import base, hints
from jobs.admin.history import cause_text
from jobs.admission import Seat
from jobs.models import Attempt, AuditEntry, Job, JobEvent, JobStatus
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import created
from tests.support.staff import all_permissions, staff, staff_client

LIST = "admin:jobs_job_changelist"


@pytest.fixture
def make_job(db: None, no_redis: None) -> Callable[..., Job]:
    """A job with a history that fits its status."""

    def make(status: JobStatus = JobStatus.QUEUED, **fields: Any) -> Job:
        values = {"task": "a.task", "queue": "emails", "timeout_seconds": 9, "max_attempts": 3}
        job = created(Job(**values | fields))
        Job.objects.filter(pk=job.pk).update(status=status)
        return Job.objects.get(pk=job.pk)

    return make


def press(client: Client, action: str, *jobs: Job, **data: str) -> Any:
    data = {"action": action, "confirmed": "yes"} | data
    return client.post(reverse(LIST), data | {"_selected_action": [str(job.pk) for job in jobs]}, follow=True)


def test_cancelling_ends_waiting_jobs_and_says_how_many(make_job: Callable[..., Job]) -> None:
    jobs = [make_job(), make_job(), make_job(JobStatus.SUCCEEDED)]
    response = press(staff_client("jobs.view_job", "jobs.cancel_job"), "cancel", *jobs)
    assert Job.objects.filter(status=JobStatus.CANCELLED).count() == 2
    body = response.content.decode()
    assert "2 jobs changed." in body
    assert "1 job was left as it is: It has ended already." in body


def test_cancelling_asks_first(make_job: Callable[..., Job]) -> None:
    job = make_job()
    response = press(staff_client("jobs.view_job", "jobs.cancel_job"), "cancel", job, confirmed="")
    assert "Are you sure?" in response.content.decode()
    assert Job.objects.get().status == JobStatus.QUEUED


def test_retrying_queues_failed_jobs_again_in_the_name_of_the_person(make_job: Callable[..., Job]) -> None:
    job = make_job(JobStatus.FAILED)
    person = staff("jobs.view_job", "jobs.retry_job")
    press(signed_in(person), "retry", job)
    assert Job.objects.get().status == JobStatus.QUEUED
    assert JobEvent.objects.filter(job=job).last().by == person  # type: ignore[union-attr]
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.by) == ("retry", str(job.pk), person)


def test_e05_pressing_twice_acts_once(make_job: Callable[..., Job]) -> None:
    job = make_job(JobStatus.FAILED)
    client = staff_client("jobs.view_job", "jobs.retry_job")
    press(client, "retry", job)
    response = press(client, "retry", job)
    assert "left as it is" in response.content.decode()
    assert JobEvent.objects.filter(job=job, cause="retried").count() == 1


@pytest.mark.parametrize(("action", "permission"), [("retry", "cancel_job"), ("cancel", "retry_job")])
def test_e04_each_action_needs_its_own_permission(
    make_job: Callable[..., Job], action: str, permission: str
) -> None:
    job = make_job(JobStatus.FAILED if action == "retry" else JobStatus.QUEUED)
    client = staff_client("jobs.view_job", "jobs.change_job", f"jobs.{permission}")
    assert press(client, action, job).status_code == 403
    assert Job.objects.get().status == job.status
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.details) == ("refused", str(job.pk), {"action": action})


def test_e05_a_get_with_an_action_in_the_address_does_nothing(make_job: Callable[..., Job]) -> None:
    job = make_job()
    client = staff_client("jobs.view_job", "jobs.cancel_job")
    client.get(reverse(LIST), {"action": "cancel", "_selected_action": str(job.pk), "confirmed": "yes"})
    assert Job.objects.get().status == JobStatus.QUEUED


def test_e05_an_action_without_token_does_nothing(make_job: Callable[..., Job]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        staff("jobs.view_job", "jobs.cancel_job"), backend="organizations.backends.EmailBackend"
    )
    assert press(client, "cancel", make_job()).status_code == 403
    assert Job.objects.get().status == JobStatus.QUEUED


def test_a_button_on_the_page_leads_back_to_the_page(make_job: Callable[..., Job]) -> None:
    job = make_job(JobStatus.FAILED)
    response = press(staff_client("jobs.view_job", "jobs.retry_job"), "retry", job, from_page="yes")
    assert response.redirect_chain[-1][0] == reverse("admin:jobs_job_change", args=[job.pk])


def obstacles(client: Client, job: Job) -> dict[str, str]:
    """Action -> why it cannot be taken."""
    response = client.get(reverse("admin:jobs_job_change", args=[job.pk]))
    return {one["control"].kind: str(one["obstacle"]) for one in response.context["actions"]}


def test_the_page_offers_what_fits_the_state_and_says_why_not(make_job: Callable[..., Job]) -> None:
    client = staff_client("jobs.view_job", "jobs.retry_job", "jobs.cancel_job", "jobs.discard_job")
    failed = obstacles(client, make_job(JobStatus.FAILED))
    assert (failed["retry"], failed["discard"]) == ("", "")
    assert failed["cancel"] == "It has ended already."
    running = obstacles(client, make_job(JobStatus.RUNNING))
    assert running["cancel"] == ""
    assert running["retry"] == "It has not ended yet."


def test_the_page_says_which_actions_a_role_does_not_allow(make_job: Callable[..., Job]) -> None:
    found = obstacles(staff_client("jobs.view_job"), make_job(JobStatus.FAILED))
    assert set(found.values()) == {"Your role does not allow this."}


def test_the_page_shows_attempts_and_timeline(make_job: Callable[..., Job]) -> None:
    job = make_job()
    lifecycle.claim(job.pk, Seat(worker="worker-7", host="machine", pid=4242))
    Attempt.objects.update(
        traceback='File "a.py", line 1, in b', error_class="OperationalError", cpu_seconds=1.5
    )
    body = staff_client("jobs.view_job").get(reverse("admin:jobs_job_change", args=[job.pk])).content.decode()
    for text in ("worker-7 · machine · 4242", "OperationalError", "a.py", "A worker took it", "1.5\u00a0s"):
        assert text in body, text


def test_a_job_leads_to_what_it_worked_on_for_those_who_may_see_it(
    make_job: Callable[..., Job], organization: Organization
) -> None:
    job = make_job(task="validations.validate_run", tenant_id=organization.pk)
    run = factories.run(organization, job=job)
    page = reverse("admin:jobs_job_change", args=[job.pk])
    target = reverse("admin:validations_validationrun_change", args=[run.pk])
    assert (
        target in staff_client("jobs.view_job", "validations.view_validationrun").get(page).content.decode()
    )
    assert target not in staff_client("jobs.view_job").get(page).content.decode()


def listed(client: Client, **query: str) -> list[Job]:
    return [row["job"] for row in client.get(reverse(LIST), query).context["rows"]]


def test_a_job_is_found_by_its_id_or_task(make_job: Callable[..., Job]) -> None:
    wanted, other = make_job(), make_job(task="b.other")
    client = staff_client("jobs.view_job")
    for text in (str(wanted.pk), str(wanted.pk).replace("-", ""), str(wanted.pk)[:8], "task:a.task"):
        assert listed(client, q=text) == [wanted], text
    assert listed(client, queue="emails", task="b.other") == [other]


def test_the_list_asks_the_same_few_questions_however_long_it_is(make_job: Callable[..., Job]) -> None:
    client = staff_client("jobs.view_job")
    make_job()
    client.get(reverse(LIST))
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(reverse(LIST))
    for _number in range(20):
        make_job()
    with CaptureQueriesContext(connection) as many:
        client.get(reverse(LIST))
    assert len(many) == len(few)
    assert not [query for query in many if '"jobs_job"."arguments"' in query["sql"]]
    counts = [query["sql"] for query in many if "COUNT(" in query["sql"] and "jobs_job" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


@pytest.mark.django_db
def test_a_paginator_counts_no_further_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "COUNT_LIMIT", 5)
    for _number in range(8):
        factories.user()
    pages = base.CappedPaginator(User.objects.order_by("pk"), 2)
    assert (pages.count, pages.is_capped, pages.num_pages) == (5, True, 3)
    with pytest.raises(EmptyPage):
        pages.page(4)


def test_a_tab_beyond_the_limit_says_so(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNTED", 2)
    for _number in range(3):
        make_job()
    tabs = {
        tab.get("status"): tab for tab in staff_client("jobs.view_job").get(reverse(LIST)).context["tabs"]
    }
    assert (tabs["queued"]["count"].count, tabs["queued"]["count"].is_more) == (2, True)
    assert (tabs["failed"]["count"].count, tabs["failed"]["count"].is_more) == (0, False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0421, "42 ms"),
        (3.21, "3.2 s"),
        (59.99, "60.0 s"),
        (61, "1 min 1 s"),
        (7384, "2 h 3 min"),
    ],
)
def test_lengths_of_time_are_said_as_people_say_them(seconds: float | None, text: str) -> None:
    assert base.seconds_text(seconds).replace("\u00a0", " ") == text


def test_json_is_shown_escaped() -> None:
    assert "<b>" not in base.as_json({"a": "<b>"})


def test_a_cause_of_an_older_version_is_shown_as_it_was_stored() -> None:
    assert cause_text("claimed") == "A worker took it"
    assert cause_text("unheard-of") == "unheard-of"


def test_an_id_that_no_address_can_hold_has_no_page() -> None:
    assert hints.Hint("abc-DEF_1").has_page
    assert not hints.Hint("a/b").has_page
    assert not hints.Hint("").has_page


def test_attempts_and_events_are_found_by_the_id_of_their_job(make_job: Callable[..., Job]) -> None:
    job, _other = make_job(), make_job()
    client = staff_client(*all_permissions("view_"))
    found = (
        client.get(reverse("admin:jobs_jobevent_changelist"), {"q": str(job.pk)}).context["cl"].result_list
    )
    assert {event.job_id for event in found} == {job.pk}
