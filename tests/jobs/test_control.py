"""What operators do to jobs: permission, refusal in words, audit line, once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest
from django.test import RequestFactory

from jobs import control, services
from jobs.control import CONTROLS
from jobs.errors import RefusedError
from jobs.models import ActionKind, AuditEntry, Job, JobEvent, JobStatus
from organizations.models import User
from tests.support.jobs import drain
from tests.support.probe import tasks
from tests.support.staff import staff

pytestmark = pytest.mark.django_db

S = JobStatus
ALL = ("cancel_job", "retry_job", "discard_job", "run_job_now", "edit_retry_job")


def request_of(user: User) -> HttpRequest:
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")
    request.user = user
    return request


def operator(*names: str) -> HttpRequest:
    return request_of(staff(*(f"jobs.{name}" for name in names)))


def failed_job() -> Job:
    job = tasks.refuse.enqueue()
    drain(raising=False)
    return Job.objects.get(pk=job.pk)


def waiting_job() -> Job:
    job = tasks.empty.using(delay=timedelta(hours=1), tenant_id=7).enqueue()
    return Job.objects.get(pk=job.pk)


ACTS: dict[ActionKind, tuple[str, Callable[[], Job], JobStatus]] = {
    ActionKind.CANCEL: ("cancel_job", waiting_job, S.CANCELLED),
    ActionKind.RUN_NOW: ("run_job_now", waiting_job, S.QUEUED),
    ActionKind.RETRY: ("retry_job", failed_job, S.QUEUED),
    ActionKind.DISCARD: ("discard_job", failed_job, S.CANCELLED),
}


@pytest.mark.parametrize("kind", ACTS)
def test_e09_each_action_changes_the_job_and_leaves_a_line(kind: ActionKind) -> None:
    permission, make, after = ACTS[kind]
    job, request = make(), operator(permission)
    assert control.perform(request, CONTROLS[kind], job, reason="asked by phone")
    assert Job.objects.get(pk=job.pk).status == after
    assert JobEvent.objects.filter(job=job).latest("id").by_id == request.user.pk
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.tenant_id) == (kind, str(job.pk), job.tenant_id)
    assert (line.reason, line.details["from"], line.by) == ("asked by phone", job.status, request.user)


@pytest.mark.parametrize("kind", ACTS)
def test_e04_each_action_needs_its_own_permission_and_a_refusal_leaves_a_line(kind: ActionKind) -> None:
    permission, make, _after = ACTS[kind]
    job = make()
    request = operator(*(name for name in ALL if name != permission), "view_job", "change_job", "bulk_job")
    with pytest.raises(PermissionDenied):
        control.perform(request, CONTROLS[kind], job)
    assert Job.objects.get(pk=job.pk).status == job.status
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.details) == ("refused", str(job.pk), {"action": kind})


@pytest.mark.parametrize("kind", ACTS)
def test_e05_an_action_done_twice_happens_once(kind: ActionKind) -> None:
    permission, make, _after = ACTS[kind]
    job, request = make(), operator(permission)
    assert control.perform(request, CONTROLS[kind], job)
    # With what the second press saw before the first one.
    with suppress(RefusedError):
        assert not control.perform(request, CONTROLS[kind], job)
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a SQLite in memory refuses threads")
@pytest.mark.parametrize("kind", ACTS)
def test_e05_an_action_sent_twice_at_once_happens_once(kind: ActionKind, no_redis: None) -> None:
    permission, make, _after = ACTS[kind]
    job, request = make(), operator(permission)
    before = JobEvent.objects.filter(job=job).count()

    def press(_number: int) -> bool:
        try:
            return control.perform(request, CONTROLS[kind], job)
        except RefusedError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(press, range(8)))
    assert sum(done) == 1
    assert AuditEntry.objects.count() == 1
    assert JobEvent.objects.filter(job=job).count() == before + 1


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("kind", CONTROLS)
def test_an_action_that_the_state_does_not_allow_says_why(kind: str, status: JobStatus) -> None:
    """The table of what fits which state, and that nothing happens elsewhere."""
    fits = {
        "cancel": frozenset(S) - {S.SUCCEEDED, S.FAILED, S.CANCELLED},
        "retry": {S.FAILED, S.CANCELLED},
        "retry_edited": {S.SUCCEEDED, S.FAILED, S.CANCELLED},
        "discard": {S.FAILED},
        "run_now": {S.SCHEDULED, S.RETRYING},
    }
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(status=status)
    job.refresh_from_db()
    obstacle = str(CONTROLS[kind].obstacle(job))
    assert (obstacle == "") == (status in fits[kind]), obstacle
    if obstacle and CONTROLS[kind].act:
        with pytest.raises(RefusedError, match=obstacle.split(":", maxsplit=1)[0]):
            control.act(None, CONTROLS[kind], job)
        assert Job.objects.get(pk=job.pk).status == status


def test_what_an_app_refuses_is_said_in_its_words(failing_restart: None) -> None:
    job = failed_job()
    with pytest.raises(RefusedError, match="the file is gone"):
        control.perform(operator("retry_job"), CONTROLS[ActionKind.RETRY], job)
    assert Job.objects.get(pk=job.pk).status == S.FAILED
    assert not AuditEntry.objects.exists()


def test_a_job_whose_key_is_taken_says_so() -> None:
    keyed = tasks.refuse.using(idempotency_key="k")
    job = keyed.enqueue()
    drain(raising=False)
    keyed.enqueue()
    with pytest.raises(RefusedError, match="same key"):
        control.perform(operator("retry_job"), CONTROLS[ActionKind.RETRY], Job.objects.get(pk=job.pk))


# --- With other arguments ---------------------------------------------------------------------------------


def edit(request: HttpRequest, job: Job, **arguments: object) -> Job:
    return control.retry_edited(
        request, job, arguments, new_id=uuid4(), changed=sorted(arguments), reason="a typo"
    )


def ended_note(tmp_path: object) -> Job:
    job = tasks.note.using(tenant_id=7, priority=5).enqueue(path=f"{tmp_path}/out")
    services.cancel_job(job=job, by=None)
    return Job.objects.get(pk=job.pk)


def test_a_retry_with_other_arguments_is_a_new_job_that_names_the_old_one(tmp_path: object) -> None:
    old, request = ended_note(tmp_path), operator("edit_retry_job")
    new = Job.objects.get(pk=edit(request, old, path=f"{tmp_path}/other").pk)
    assert (new.retry_of_id, new.task, new.tenant_id, new.priority) == (old.pk, old.task, 7, 5)
    assert (new.status, new.arguments) == (S.QUEUED, {"path": f"{tmp_path}/other"})
    assert Job.objects.get(pk=old.pk).arguments == {"path": f"{tmp_path}/out"}
    line = AuditEntry.objects.get()
    assert (line.action, line.target) == ("retry_edited", str(old.pk))
    # Names of arguments, and no value.
    assert line.details == {"task": old.task, "new_job": str(new.pk), "changed": ["path"]}
    drain()
    assert Job.objects.get(pk=new.pk).status == S.SUCCEEDED


def test_e05_a_form_that_is_sent_twice_makes_one_job(tmp_path: object) -> None:
    old, request, new_id = ended_note(tmp_path), operator("edit_retry_job"), uuid4()
    made = [
        control.retry_edited(request, old, {"path": "x"}, new_id=new_id, changed=[], reason="")
        for _press in range(2)
    ]
    assert made[0] == made[1]
    assert Job.objects.filter(retry_of=old).count() == 1
    assert AuditEntry.objects.count() == 1


def test_the_id_of_another_job_cannot_be_taken_for_the_new_one(tmp_path: object) -> None:
    old, other = ended_note(tmp_path), tasks.empty.enqueue()
    with pytest.raises(Exception, match=r"(?i)unique"):
        control.retry_edited(
            operator("edit_retry_job"), old, {"path": "x"}, new_id=other.pk, changed=[], reason=""
        )


def test_f02_only_declared_tasks_are_retried_with_other_arguments(tmp_path: object) -> None:
    old = ended_note(tmp_path)
    Job.objects.filter(pk=old.pk).update(task="os.system")
    with pytest.raises(RefusedError, match="does not know this task"):
        edit(operator("edit_retry_job"), Job.objects.get(pk=old.pk), command="id")
    assert not Job.objects.filter(retry_of=old).exists()


def test_a_job_that_goes_on_is_not_retried_with_other_arguments() -> None:
    job = tasks.empty.enqueue()
    with pytest.raises(RefusedError, match="not ended"):
        edit(operator("edit_retry_job"), Job.objects.get(pk=job.pk))
