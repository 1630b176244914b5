"""One action on all jobs that match."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.test import RequestFactory

from jobs import bulk, bulkstart, control, listing
from jobs.control import CONTROLS
from jobs.errors import FencedError, RefusedError
from jobs.models import ActionKind, AuditEntry, BulkAction, Job, JobEvent, JobStatus
from jobs.moments import database_now
from jobs.tasks import act_on_many
from organizations.models import User
from tests.support.jobs import drain
from tests.support.probe import tasks
from tests.support.staff import staff

pytestmark = pytest.mark.django_db

S = JobStatus


@pytest.fixture
def user(db: None) -> User:
    return staff("jobs.bulk_job", "jobs.retry_job", "jobs.cancel_job", "jobs.discard_job")


def request_of(user: User) -> HttpRequest:
    request = RequestFactory().post("/")
    request.user = user
    return request


# SQLite's clock: a job made in the same step as the action was not there before it.
CLOCK_STEP = timedelta(milliseconds=1)


def make(number: int, status: JobStatus = S.FAILED) -> list[Job]:
    jobs = [tasks.empty.enqueue() for _number in range(number)]
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(status=status)
    return jobs


def start(
    user: User,
    kind: ActionKind = ActionKind.RETRY,
    *,
    parameters: Mapping[str, str] | None = None,
    before: datetime | None = None,
    bulk_id: UUID | None = None,
) -> BulkAction:
    return bulkstart.start(
        request_of(user),
        CONTROLS[kind],
        bulk_id=bulk_id or uuid4(),
        parameters=parameters or {},
        before=before or database_now() + CLOCK_STEP,
        matched=5,
        reason="the mail server is back",
    )


def statuses(jobs: list[Job]) -> list[str]:
    found = dict(Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("pk", "status"))
    return [found[job.pk] for job in jobs]


def run_alone(row: BulkAction) -> BulkAction:
    """The bulk action after a direct call of its task, with nobody else at work."""

    class Alone:
        def progress(self, done: int, total: int) -> None:
            assert done <= total

    act_on_many(Alone(), bulk_id=str(row.pk))
    return BulkAction.objects.get(pk=row.pk)


def test_a_bulk_action_is_done_by_a_job_of_its_own_and_says_how_it_went(user: User) -> None:
    failed, others = make(3), make(2, S.SUCCEEDED)
    row = start(user)
    assert row.job is not None
    assert (row.job.task, row.job.queue, row.done) == ("jobs.act_on_many", "maintenance", 0)
    assert statuses(failed) == [S.FAILED] * 3
    row = run_alone(row)
    assert statuses(failed) == [S.QUEUED] * 3
    assert statuses(others) == [S.SUCCEEDED] * 2
    assert (row.done, row.skipped) == (3, 0)
    assert row.finished_at is not None
    assert set(JobEvent.objects.filter(cause="retried").values_list("by_id", flat=True)) == {user.pk}


def test_the_job_runs_on_a_worker_like_any_other(user: User) -> None:
    failed = make(2)
    row = start(user, ActionKind.DISCARD)
    drain()
    row.refresh_from_db()
    assert (row.done, statuses(failed)) == (2, [S.CANCELLED] * 2)
    assert Job.objects.get(task="jobs.act_on_many").progress_percent == 100


def test_e09_a_bulk_action_leaves_one_line_with_its_number_and_reason(user: User) -> None:
    make(3)
    row = start(user, parameters={"status": "failed", "q": "arguments.patient=TREMBLAY"})
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.count, line.reason) == (
        "bulk",
        str(row.pk),
        5,
        "the mail server is back",
    )
    assert line.details == {"action": "retry", "status": "failed"}


@pytest.mark.parametrize("missing", ["bulk_job", "retry_job"])
def test_e04_a_bulk_action_needs_both_permissions(missing: str) -> None:
    make(1)
    names = {"bulk_job", "retry_job", "cancel_job"} - {missing}
    with pytest.raises(PermissionDenied):
        start(staff(*(f"jobs.{name}" for name in names)))
    assert not BulkAction.objects.exists()
    assert AuditEntry.objects.get().action == "refused"


def test_a_person_who_lost_the_permission_meanwhile_does_nothing(user: User) -> None:
    failed = make(2)
    start(user)
    user.user_permissions.clear()
    drain(raising=False)
    assert statuses(failed) == [S.FAILED] * 2
    assert Job.objects.get(task="jobs.act_on_many").error_code == "not-allowed"


@pytest.mark.parametrize("field", ["is_staff", "is_active"])
def test_a_person_who_left_the_staff_meanwhile_does_nothing(user: User, field: str) -> None:
    failed = make(2)
    start(user)
    User.objects.filter(pk=user.pk).update(**{field: False})
    drain(raising=False)
    assert statuses(failed) == [S.FAILED] * 2


def test_e04_a_bulk_action_is_restarted_only_by_who_may_start_one(user: User) -> None:
    row = start(user)
    assert row.job
    Job.objects.filter(pk=row.job.pk).update(status=S.FAILED)
    retry = CONTROLS[ActionKind.RETRY]
    other = staff("jobs.retry_job")
    with pytest.raises(RefusedError):
        control.perform(request_of(other), retry, Job.objects.get(pk=row.job.pk))
    assert statuses([row.job]) == [S.FAILED]
    assert control.perform(request_of(user), retry, Job.objects.get(pk=row.job.pk))


def test_jobs_that_came_after_the_preview_are_left_alone(user: User) -> None:
    old = make(1)
    before = database_now()
    Job.objects.filter(pk=old[0].pk).update(created_at=before - timedelta(minutes=1))
    new = make(1)
    Job.objects.filter(pk=new[0].pk).update(created_at=before + timedelta(milliseconds=1))
    row = run_alone(start(user, before=before))
    assert (statuses(old), statuses(new), row.done) == ([S.QUEUED], [S.FAILED], 1)


def test_no_more_than_the_cap_are_touched_the_newest_first(user: User, settings: Any) -> None:
    settings.JOBS_BULK_CAP = 2
    now = database_now()
    jobs = make(4)
    for place, job in enumerate(jobs):
        Job.objects.filter(pk=job.pk).update(created_at=now - timedelta(minutes=10 - place))
    row = run_alone(start(user))
    assert (row.done, statuses(jobs)) == (2, [S.FAILED, S.FAILED, S.QUEUED, S.QUEUED])


def test_jobs_that_moved_on_are_counted_as_left_as_they_were(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make(2)
    row = start(user)
    page = listing.page

    def after_somebody_was_faster(*args: Any, **options: Any) -> listing.Page:
        found = page(*args, **options)
        Job.objects.filter(pk=first.pk).update(status=S.SUCCEEDED)
        return found

    monkeypatch.setattr(listing, "page", after_somebody_was_faster)
    row = run_alone(row)
    assert (row.done, row.skipped, statuses([second])) == (1, 1, [S.QUEUED])


def test_x01_an_attempt_that_died_goes_on_where_it_stopped(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that failed again after the retry is not retried a second time."""
    monkeypatch.setattr(bulk, "BATCH", 2)
    jobs = make(5)
    row = start(user)

    class DeadError(Exception):
        pass

    class Dying:
        def progress(self, done: int, total: int) -> None:
            raise DeadError

    with pytest.raises(DeadError):
        act_on_many(Dying(), bulk_id=str(row.pk))
    assert BulkAction.objects.get().done == 2
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(status=S.FAILED)
    row = run_alone(row)
    assert row.done == 5
    assert JobEvent.objects.filter(cause="retried").count() == 5


def test_x05_a_late_attempt_takes_its_batch_back(user: User) -> None:
    jobs = make(2)
    row = start(user)
    BulkAction.objects.update(last_id=jobs[0].pk)
    with pytest.raises(FencedError):
        bulk._act_on_batch(row, CONTROLS[ActionKind.RETRY], user, jobs)
    assert statuses(jobs) == [S.FAILED] * 2


def test_e05_a_preview_that_is_sent_twice_starts_one_action(user: User) -> None:
    make(1)
    bulk_id = uuid4()
    assert start(user, bulk_id=bulk_id) == start(user, bulk_id=bulk_id)
    assert Job.objects.filter(task="jobs.act_on_many").count() == 1
    assert AuditEntry.objects.count() == 1


def test_a_finished_action_is_not_done_again(user: User) -> None:
    failed = make(1)
    row = run_alone(start(user))
    Job.objects.filter(pk=failed[0].pk).update(status=S.FAILED)
    run_alone(row)
    assert statuses(failed) == [S.FAILED]


def test_what_an_app_refuses_for_one_job_does_not_stop_the_others(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = make(3)
    act = control.act

    def refuse_one(by: Any, one: control.Control, job: Job) -> bool:
        done = act(by, one, job)
        if job.pk == jobs[1].pk:
            raise RefusedError("no")
        return done

    monkeypatch.setattr(control, "act", refuse_one)
    row = run_alone(start(user))
    assert (row.done, row.skipped) == (2, 1)
    assert statuses(jobs) == [S.QUEUED, S.FAILED, S.QUEUED]


def test_a_preview_counts_what_the_action_is_for() -> None:
    make(3)
    make(2, S.SUCCEEDED)
    filters = bulk.filters_for(
        {}, CONTROLS[ActionKind.RETRY], before=database_now() + timedelta(1), may_see_arguments=True
    )
    found = bulk.preview(filters)
    assert (found.count, found.is_all, len(found.sample)) == (3, True, 3)


def test_a_preview_of_a_status_that_the_action_is_not_for_finds_nothing() -> None:
    make(2, S.SUCCEEDED)
    before = database_now() + timedelta(1)
    filters = bulk.filters_for(
        {"status": "succeeded"}, CONTROLS[ActionKind.CANCEL], before=before, may_see_arguments=True
    )
    assert bulk.preview(filters).count == 0


@pytest.mark.parametrize("q", ["tenant:nobody", 'colour:"red"', "since:soon", "arguments.number=1"])
def test_a_word_that_is_not_understood_or_not_allowed_does_not_widen_the_action(q: str) -> None:
    make(2)
    before = database_now() + timedelta(1)
    retry = CONTROLS[ActionKind.RETRY]
    filters = bulk.filters_for({"q": q}, retry, before=before, may_see_arguments=False)
    assert bulk.preview(filters).count == 0


def test_e03_who_may_not_see_arguments_acts_on_no_job_by_them(user: User) -> None:
    job = tasks.postpone_once.enqueue(path="secret")
    Job.objects.filter(pk=job.pk).update(status=S.FAILED)
    row = run_alone(start(user, parameters={"q": "arguments.path=secret"}))
    assert (row.done, row.skipped) == (0, 0)
    assert statuses([job]) == [S.FAILED]
