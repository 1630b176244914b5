"""The operators' API: what it tells, whom, and cancelling; and what everybody may ask."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError
from django.test import Client

from jobs import roles
from jobs.models import (
    ActionKind,
    Alert,
    AlertKind,
    Attempt,
    AuditEntry,
    Job,
    JobEvent,
    JobStatus,
    MinuteStat,
    Pause,
)
from jobs.moments import database_now
from organizations.models import ApiKey, Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.platform import leading_dispatcher, living_worker, waiting_job
from tests.support.staff import staff

pytestmark = pytest.mark.django_db

ANALYSES = [f"/api/queue/analyses/{name}" for name in (
    "totals", "tasks", "queues", "course", "workers", "failures", "errors", "slow")]  # fmt: skip
PATHS = ("/api/queue/stats", "/api/queue/health", "/api/queue/info", *ANALYSES)


def with_key(key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {key}"})


def operator(role: str) -> Client:
    """A program with the key of a person of staff who has this role."""
    person = staff()
    person.groups.add(Group.objects.get(name=role))
    return with_key(factories.api_key(None, person, "Monitor"))


@pytest.fixture
def viewer_program(db: None) -> Client:
    return operator(roles.VIEWER)


@pytest.fixture
def operator_program(db: None) -> Client:
    return operator(roles.OPERATOR)


@pytest.fixture
def administrator_program(db: None) -> Client:
    return operator(roles.ADMINISTRATOR)


def of_job(job: Job) -> str:
    return f"/api/queue/{job.queue}/jobs/{job.pk}"


# --- Who may ask --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_e03_strangers_members_and_staff_without_the_right_are_refused(
    path: str, owner: User, api_key: str
) -> None:
    assert Client().get(path).status_code == 401
    assert with_key("bdx_made_up").get(path).status_code == 401
    assert signed_in(owner).get(path).status_code == 403
    assert with_key(api_key).get(path).status_code == 403
    assert signed_in(staff()).get(path).status_code == 403


def test_e03_a_key_of_an_organization_opens_nothing_even_if_its_person_may_everything(
    organization: Organization, superuser: User
) -> None:
    factories.member(organization, "owner", email="both@erables.example")
    person = User.objects.get(email="both@erables.example")
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    key = factories.api_key(organization, person, "Uploads")
    job = waiting_job("emails")
    assert with_key(key).get("/api/queue/stats").status_code == 403
    assert with_key(key).delete(of_job(job)).status_code == 403
    assert signed_in(User.objects.get(pk=person.pk)).get("/api/queue/stats").status_code == 200


def test_e03_a_key_of_the_operators_opens_nothing_of_an_organization(
    organization: Organization, superuser: User
) -> None:
    run = factories.completed_run(organization)
    key = factories.api_key(None, superuser, "Monitor")
    assert with_key(key).get("/api/queue/info").status_code == 200
    assert with_key(key).get(f"/api/validations/{run.pk}").status_code == 403
    assert with_key(key).post("/api/validations", {"file": factories.upload()}).status_code == 403


def test_e10_a_key_ends_with_its_person_s_work_here_and_when_it_is_revoked(superuser: User) -> None:
    key = factories.api_key(None, superuser, "Monitor")
    row = ApiKey.unscoped.get()
    assert with_key(key).get(PATHS[0]).status_code == 200
    assert Client().get(f"{PATHS[0]}?key={key}").status_code == 401
    User.objects.filter(pk=superuser.pk).update(is_staff=False)
    assert with_key(key).get(PATHS[0]).status_code == 403
    User.objects.filter(pk=superuser.pk).update(is_active=False)
    assert with_key(key).get(PATHS[0]).status_code == 401
    User.objects.filter(pk=superuser.pk).update(is_staff=True, is_active=True)
    ApiKey.unscoped.filter(pk=row.pk).update(revoked_at=database_now())
    assert with_key(key).get(PATHS[0]).status_code == 401


def test_each_role_may_what_its_pages_allow(
    viewer_program: Client, operator_program: Client, administrator_program: Client
) -> None:
    job = waiting_job("emails")
    programs = (viewer_program, operator_program, administrator_program)
    assert [it.get("/api/queue/stats").status_code for it in programs] == [200, 200, 200]
    assert [it.get("/api/queue/info").status_code for it in programs] == [403, 403, 200]
    assert [it.get(of_job(job)).status_code for it in programs] == [200, 200, 200]
    assert [it.delete(of_job(job)).status_code for it in programs] == [403, 202, 409]


# --- What it tells ------------------------------------------------------------------------------------------


def test_stats_count_the_active_jobs_of_each_queue(viewer_program: Client, settings: Any) -> None:
    waiting_job("emails", waited=timedelta(minutes=1))
    waiting_job("emails", status=JobStatus.HELD, hold_reason="paused")
    waiting_job("reports", status=JobStatus.SUCCEEDED)
    Pause.objects.create(queue="emails", reason="provider")
    living_worker("w1", ["emails"])
    minute = database_now().replace(second=0, microsecond=0)
    MinuteStat.objects.create(minute=minute, queue="emails", task="t", enqueued=3, succeeded=2, failed=1)
    body = viewer_program.get("/api/queue/stats").json()
    emails = next(queue for queue in body["queues"] if queue["name"] == "emails")
    assert (emails["ready"], emails["held"], emails["workers"], emails["paused"]) == (
        1,
        {"paused": 1},
        1,
        True,
    )
    assert 59 < emails["oldestSeconds"] < 90
    assert emails["rate"] == "100/minute"
    assert body["totals"] == {
        "ready": 1,
        "running": 0,
        "scheduled": 0,
        "retrying": 0,
        "blocked": 0,
        "held": 1,
    }
    assert body["lastHour"] == {"enqueued": 3, "succeeded": 2, "failed": 1, "lost": 0, "retried": 0}
    assert len(body["queues"]) == len(settings.JOBS_QUEUES)


def test_health_says_what_is_wrong_and_what_to_do(viewer_program: Client, settings: Any) -> None:
    names = [policy.name for policy in settings.JOBS_QUEUES]
    living_worker("w1", names[1:])
    now = database_now()
    Alert.objects.create(
        kind=AlertKind.STUCK, subject="t", pending_since=now, raised_at=now, params={"seconds": 90}
    )
    body = viewer_program.get("/api/queue/health", headers={"Accept-Language": "fr"}).json()
    assert body["status"] == "degraded"
    kinds = [(problem["kind"], problem["subject"]) for problem in body["problems"]]
    assert ("no_worker", names[0]) in kinds
    assert ("no_leader", "") in kinds
    assert body["problems"][0]["message"].startswith("Aucun exécuteur")
    assert "90 secondes" in body["alerts"][0]["message"]
    leading_dispatcher("w1@here")
    living_worker("w2", names)
    body = viewer_program.get("/api/queue/health").json()
    assert (body["status"], body["leader"]) == ("ok", "w1@here")


def test_info_names_versions_and_workers_and_no_address(administrator_program: Client, settings: Any) -> None:
    living_worker("w1", ["emails"], version="1.2")
    answer = administrator_program.get("/api/queue/info")
    body = answer.json()
    assert {"python", "django", "rq", "database", "redis"} == set(body["versions"])
    assert [worker["name"] for worker in body["workers"]] == ["w1"]
    for secret in (settings.REDIS_URL, settings.SECRET_KEY, "://"):
        assert secret not in answer.content.decode()


def test_a_job_is_told_with_its_attempts_timeline_and_reason(viewer_program: Client) -> None:
    job = waiting_job("emails", arguments={"delivery_id": "x"}, tenant_id=7)
    now = database_now()
    Attempt.objects.create(
        job=job, number=1, fence=1, started_at=now, outcome="failed", error_class="OSError"
    )
    JobEvent.objects.create(job=job, at=now, from_status="", to_status="queued", cause="enqueued")
    body = viewer_program.get(of_job(job)).json()
    assert body["id"] == str(job.pk)
    assert (body["status"], body["tenant"], body["maxAttempts"]) == ("queued", 7, 3)
    assert body["waitsFor"]
    assert [attempt["errorClass"] for attempt in body["attempts"]] == ["OSError"]
    assert [(event["fromStatus"], event["toStatus"]) for event in body["events"]] == [("", "queued")]


def test_h04_arguments_are_for_those_who_may_see_them(
    viewer_program: Client, operator_program: Client
) -> None:
    job = waiting_job("emails", arguments={"delivery_id": "marked-value"})
    assert viewer_program.get(of_job(job)).json()["arguments"] is None
    assert operator_program.get(of_job(job)).json()["arguments"] == {"delivery_id": "marked-value"}


def test_a_long_history_is_cut_at_its_beginning(viewer_program: Client) -> None:
    job = waiting_job("emails")
    now = database_now()
    JobEvent.objects.bulk_create(
        JobEvent(job=job, at=now, to_status="queued", cause=f"cause-{number}") for number in range(205)
    )
    events = viewer_program.get(of_job(job)).json()["events"]
    assert (len(events), events[0]["cause"], events[-1]["cause"]) == (200, "cause-5", "cause-204")


def test_no_job_another_queue_and_no_uuid_are_404(operator_program: Client) -> None:
    job = waiting_job("emails")
    for path in (
        f"/api/queue/reports/jobs/{job.pk}",
        f"/api/queue/emails/jobs/{uuid4()}",
        "/api/queue/emails/jobs/1",
    ):
        assert operator_program.get(path).status_code == 404
    assert operator_program.delete(f"/api/queue/emails/jobs/{uuid4()}").status_code == 404


@pytest.mark.parametrize("path", ANALYSES)
def test_each_analysis_answers_on_an_empty_site_and_refuses_nonsense(
    path: str, viewer_program: Client
) -> None:
    assert viewer_program.get(path).status_code == 200
    assert viewer_program.get(f"{path}?hours=0.5").status_code == 200
    for nonsense in ("hours=0", "hours=-1", "hours=nan", "hours=inf", "hours=x", "hours=1e9"):
        assert viewer_program.get(f"{path}?{nonsense}").status_code == 422
    assert viewer_program.get(f"{path}?queue=%00&group=%00&task=%00&limit=1").status_code in (200, 422)


def test_the_analyses_tell_what_happened(viewer_program: Client) -> None:
    now = database_now()
    minute = now.replace(second=0, microsecond=0)
    MinuteStat.objects.create(
        minute=minute, queue="emails", task="t", enqueued=4, succeeded=3, failed=1, wait_ms=40, run_ms=400,
        longest_run_ms=150, wait_histogram=[0, 0, 0, 0, 0, 4], run_histogram=[0] * 11 + [4],
    )  # fmt: skip
    failed = waiting_job(
        "emails",
        status=JobStatus.FAILED,
        finished_at=now,
        error_class="OSError",
        error_group="abc",
        tenant_id=7,
    )
    Attempt.objects.create(
        job=failed, number=1, fence=1, outcome="failed", worker="w1", host="h",
        started_at=now - timedelta(seconds=2), ended_at=now,
    )  # fmt: skip

    def ask(name: str) -> Any:
        return viewer_program.get(f"/api/queue/analyses/{name}?hours=1").json()

    totals = ask("totals")
    assert (totals["enqueued"], totals["failurePercent"], totals["wait"]["meanMs"]) == (4, 25.0, 10.0)
    assert totals["run"]["longestMs"] == 150
    assert totals["run"]["p95Ms"] <= 150
    assert [(row["queue"], row["task"], row["succeeded"]) for row in ask("tasks")] == [("emails", "t", 3)]
    assert [row["queue"] for row in ask("queues")] == ["emails"]
    course = ask("course")
    assert sum(point["enqueued"] for point in course["points"]) == 4
    assert course["stepSeconds"] == 60
    assert [(row["worker"], row["failed"]) for row in ask("workers")] == [("w1", 1)]
    assert [(row["jobId"], row["tenant"]) for row in ask("failures")] == [(str(failed.pk), 7)]
    assert [(row["group"], row["count"]) for row in ask("errors")] == [("abc", 1)]
    assert isinstance(ask("slow"), list)


def test_a_crafted_address_or_reason_breaks_nothing(operator_program: Client) -> None:
    job = waiting_job("emails")
    assert operator_program.get(f"/api/queue/%00/jobs/{job.pk}").status_code == 404
    assert operator_program.delete(f"{of_job(job)}?reason=%00").status_code == 422
    assert operator_program.delete(f"{of_job(job)}?reason={'x' * 201}").status_code == 422


# --- Cancelling ---------------------------------------------------------------------------------------------


def test_e04_cancelling_ends_a_waiting_job_and_is_written_down(operator_program: Client) -> None:
    job = waiting_job("emails")
    answer = operator_program.delete(f"{of_job(job)}?reason=sent%20twice")
    assert (answer.status_code, answer.json()) == (202, {"id": str(job.pk), "status": "cancelled"})
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    line = AuditEntry.objects.exclude(action=ActionKind.ISSUE_KEY).get()
    assert (line.action, line.target, line.reason) == (ActionKind.CANCEL, str(job.pk), "sent twice")
    assert line.by == ApiKey.unscoped.get().user


def test_a_running_job_is_asked_to_stop(operator_program: Client) -> None:
    job = waiting_job("emails", status=JobStatus.RUNNING, fence=1, attempt=1)
    answer = operator_program.delete(of_job(job))
    assert (answer.status_code, answer.json()["status"]) == (202, "stopping")
    job.refresh_from_db()
    assert job.cancel_requested_at is not None


def test_an_ended_job_stays_and_the_answer_says_why(operator_program: Client) -> None:
    job = waiting_job("emails", status=JobStatus.SUCCEEDED)
    answer = operator_program.delete(of_job(job))
    assert (answer.status_code, answer.json()["code"]) == (409, "not-possible")
    assert answer.json()["message"]
    assert not AuditEntry.objects.exclude(action=ActionKind.ISSUE_KEY).exists()


def test_e04_a_refused_try_is_written_down(viewer_program: Client) -> None:
    job = waiting_job("emails")
    assert viewer_program.delete(of_job(job)).status_code == 403
    assert AuditEntry.objects.exclude(action=ActionKind.ISSUE_KEY).get().action == ActionKind.REFUSED
    job.refresh_from_db()
    assert job.status == JobStatus.QUEUED


def test_e06_a_browser_needs_its_csrf_token(superuser: User) -> None:
    job = waiting_job("emails")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(superuser, backend="organizations.backends.EmailBackend")
    assert browser.delete(of_job(job)).status_code == 403
    assert signed_in(superuser).delete(of_job(job)).status_code == 202


# --- What everybody may ask ---------------------------------------------------------------------------------

PUBLIC = "/api/health/queues"


def test_public_health_is_numbers_and_one_word(
    settings: Any, organization: Organization, owner: User
) -> None:
    names = [policy.name for policy in settings.JOBS_QUEUES]
    living_worker("secret-host-worker", names)
    leading_dispatcher("secret-host-worker@node")
    waiting_job("critical", waited=timedelta(minutes=5), tenant_id=organization.pk)
    answer = Client().get(PUBLIC)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["queuesLate"], body["queuesWithoutWorker"]) == ("degraded", 1, 0)
    assert (body["leader"], body["workers"], body["ready"]) == (True, 1, 1)
    text = answer.content.decode()
    for name in ("critical", "secret-host", organization.name, owner.email):
        assert name not in text


def test_public_health_is_down_without_a_worker(settings: Any) -> None:
    assert Client().get(PUBLIC).status_code == 503
    assert Client().get(PUBLIC).json()["status"] == "down"


def test_public_health_survives_an_absent_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("db.example refuses")

    monkeypatch.setattr("jobs.alerts.rules.census.take", away)
    answer = Client().get(PUBLIC)
    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert "db.example" not in answer.content.decode()


def test_x11_public_health_says_that_redis_is_away(no_redis: None, settings: Any) -> None:
    living_worker("w1", [policy.name for policy in settings.JOBS_QUEUES])
    leading_dispatcher()
    body = Client().get(PUBLIC).json()
    assert (body["status"], body["redis"]) == ("degraded", "away")


def test_asking_again_and_again_costs_no_query(django_assert_num_queries: Any) -> None:
    Client().get(PUBLIC)
    with django_assert_num_queries(0):
        assert Client().get(PUBLIC).status_code == 503


# --- Its documentation --------------------------------------------------------------------------------------


def test_every_operation_is_documented_with_an_example() -> None:
    document = Client().get("/api/openapi.json").json()
    ours = {
        path: item
        for path, item in document["paths"].items()
        if path.startswith(("/api/queue", "/api/health"))
    }
    assert set(ours) >= {*PATHS, PUBLIC, "/api/queue/{queue}/jobs/{job_id}"}
    for item in ours.values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["description"]
    bodies = (
        "StatsBody",
        "HealthBody",
        "InfoBody",
        "JobBody",
        "CancelledBody",
        "PublicHealthBody",
        "ErrorBody",
    )
    schemas = document["components"]["schemas"]
    for name in bodies:
        assert json.dumps(schemas[name]["example"])
