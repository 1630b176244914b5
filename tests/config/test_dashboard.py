"""The RQ dashboard: who may see and act, what acting does, and how it meets what it does not expect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django_rq.models import Dashboard
from django_rq.urls import get_admin_urlpatterns
from redis import Redis

from jobs import dispatch
from jobs.models import AuditEntry, Job, JobEvent, JobStatus
from organizations.models import User
from tests.conftest import signed_in
from tests.support.jobs import created
from tests.support.processes import free_port, redis_server
from tests.support.staff import staff_client

VIEW = "jobs.view_queue_dashboard"
CHANGE = "jobs.change_queue_dashboard"
HOSTILE = "<script>alert(1)</script>"
ARGUMENTS: dict[str, Any] = {
    "queue": "emails", "job_id": str(uuid4()), "key": "w1", "result_id": "1-1", "scheduler_index": 0,
    "connection_index": 0, "scheduler_name": "s", "cron_job_name": "a/b",
}  # fmt: skip
# Pages that only ask or act: reading them needs the right to act too.
ACTING = (
    "empty",
    "clear",
    "delete",
    "requeue",
    "requeue-all",
    "enqueue",
    "stop",
    "actions",
    "confirm-action",
)


@pytest.fixture(autouse=True)
def redis(tmp_path: Path, settings: Any, db: None) -> Iterator[Redis]:
    """A Redis server of this test alone, which the site uses."""
    with redis_server(tmp_path / "redis") as server:
        settings.REDIS_URL = server.url
        dispatch.forget_clients()
        yield dispatch.connection()
    dispatch.forget_clients()


@pytest.fixture
def job() -> Job:
    """A queued job whose hint stands in Redis."""
    row = created(Job(task="a.task", queue="emails", timeout_seconds=9, max_attempts=3))
    job = Job.objects.get(pk=row.pk)
    assert dispatch.push([job])
    return job


@pytest.fixture
def operator() -> Client:
    return staff_client(VIEW, CHANGE, "jobs.cancel_job", "jobs.view_job")


def addresses() -> dict[str, str]:
    """Every address of the dashboard by its path, filled with arguments."""
    found = {}
    for pattern in admin.site.get_model_admin(Dashboard).get_urls():
        names = pattern.pattern.converters
        address = reverse(f"admin:{pattern.name}", kwargs={name: ARGUMENTS[name] for name in names})
        found[address] = address
    return found


def contents(redis: Redis) -> dict[bytes, object]:
    """Every key with what it holds, in an order that does not depend on Redis."""
    readers: dict[Any, Any] = {
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"string": redis.get,
    }
    return {key: readers[redis.type(key)](key) for key in redis.scan_iter()}


def is_acting(address: str) -> bool:
    return any(f"/{word}/" in address for word in ACTING)


def url(name: str, *args: object) -> str:
    return reverse(f"admin:django_rq_{name}", args=args)


@pytest.mark.parametrize("method", ["get", "post"])
def test_e03_anonymous_visitors_are_sent_to_sign_in_from_every_dashboard_page(method: str) -> None:
    for address in addresses():
        response = getattr(Client(), method)(address)
        assert response.status_code == 302, address
        assert "login" in response["Location"], address


@pytest.mark.parametrize("method", ["get", "post"])
def test_e03_members_owners_and_staff_without_permission_get_403(
    member: User, owner: User, method: str
) -> None:
    for client in (signed_in(member), signed_in(owner), staff_client()):
        for address in addresses():
            assert getattr(client, method)(address).status_code == 403, address


def test_staff_who_may_view_read_pages_and_reach_no_acting_page() -> None:
    client = staff_client(VIEW)
    for address in addresses():
        refused = client.get(address).status_code == 403
        assert refused is is_acting(address), address


def test_e04_every_post_of_staff_who_may_only_view_is_refused(job: Job, redis: Redis) -> None:
    client = staff_client(VIEW)
    before = redis.dbsize()
    for address in addresses():
        assert client.post(address).status_code == 403, address
    assert redis.dbsize() == before


def test_superusers_open_every_page_without_an_error(superuser: User) -> None:
    client = signed_in(superuser)
    for address in addresses():
        assert client.get(address).status_code in (200, 302, 404, 405), address
        assert client.post(address).status_code in (200, 302, 404), address


def test_e05_no_get_changes_anything(job: Job, redis: Redis, superuser: User) -> None:
    client = signed_in(superuser)
    ARGUMENTS["job_id"] = str(job.pk)
    before = contents(redis)
    for address in addresses():
        client.get(address)
    assert contents(redis) == before
    assert Job.objects.get().status == JobStatus.QUEUED


def test_e05_a_post_without_token_changes_nothing(job: Job, redis: Redis, superuser: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser, backend="organizations.backends.EmailBackend")
    for name in ("delete_job", "stop_job", "requeue_job"):
        assert client.post(url(name, "emails", job.pk)).status_code == 403
    assert client.post(url("clear", "emails")).status_code == 403
    assert redis.llen("rq:queue:emails") == 1


def test_a_job_taken_out_of_redis_is_found_missing_and_sent_again(job: Job, operator: Client) -> None:
    assert operator.post(url("delete_job", "emails", job.pk)).status_code == 302
    job.refresh_from_db()
    assert job.status == JobStatus.QUEUED
    assert dispatch.missing([job]) == [job]


def test_emptying_a_queue_leaves_every_row_to_be_sent_again(job: Job, operator: Client, redis: Redis) -> None:
    assert operator.post(url("clear", "emails")).status_code == 302
    assert redis.llen("rq:queue:emails") == 0
    assert not redis.exists(f"rq:job:{job.pk}")
    assert Job.objects.get().status == JobStatus.QUEUED
    assert dispatch.missing([job]) == [job]


def test_e09_acting_leaves_a_line_in_the_audit_trail(job: Job, operator: Client) -> None:
    operator.post(url("clear", "emails"))
    line = AuditEntry.objects.get()
    assert (line.action, line.target_kind, line.target) == ("clear_hints", "queue", "emails")
    assert (line.count, line.details) == (1, {"which": "queued"})


@pytest.mark.parametrize("name", ["clear", "delete_failed_jobs", "requeue_all", "actions"])
def test_e04_a_refused_press_leaves_a_line_and_changes_nothing(job: Job, redis: Redis, name: str) -> None:
    before = contents(redis)
    data = {"action": "delete", "job_ids": [str(job.pk)]}
    assert staff_client(VIEW).post(url(name, "emails"), data).status_code == 403
    assert contents(redis) == before
    line = AuditEntry.objects.get()
    assert (line.action, line.target) == ("refused", "emails")


def test_e09_stopping_from_here_leaves_the_line_that_the_page_of_the_job_leaves(
    job: Job, operator: Client
) -> None:
    operator.post(url("stop_job", "emails", job.pk))
    line = AuditEntry.objects.get()
    assert (line.action, line.target_kind, line.target) == ("cancel", "job", str(job.pk))


def test_stopping_cancels_the_row_once(job: Job, operator: Client) -> None:
    for _press in range(2):
        assert operator.post(url("stop_job", "emails", job.pk)).status_code == 302
    assert Job.objects.get().status == JobStatus.CANCELLED
    assert JobEvent.objects.filter(to_status=JobStatus.CANCELLED).count() == 1


def test_stopping_needs_the_right_to_cancel_jobs(job: Job) -> None:
    assert staff_client(VIEW, CHANGE).post(url("stop_job", "emails", job.pk)).status_code == 403
    assert Job.objects.get().status == JobStatus.QUEUED


def test_a_waiting_job_is_sent_again_and_stands_in_its_queue_once(
    job: Job, operator: Client, redis: Redis
) -> None:
    for _press in range(2):
        operator.post(url("requeue_job", "emails", job.pk))
    assert redis.lrange("rq:queue:emails", 0, -1) == [str(job.pk).encode()]


def test_requeueing_a_finished_job_explains_instead_of_failing(
    job: Job, operator: Client, redis: Redis
) -> None:
    Job.objects.update(status=JobStatus.SUCCEEDED)
    redis.zadd("rq:finished:emails", {str(job.pk): 9e9})
    response = operator.post(url("requeue_job", "emails", job.pk), follow=True)
    assert response.status_code == 200
    assert "use Retry on the page of the job" in response.content.decode()


def test_bulk_actions_survive_ids_that_are_gone(job: Job, operator: Client) -> None:
    for action in ("delete", "requeue", "stop", "nonsense"):
        data = {"action": action, "job_ids": [str(uuid4()), "gone", str(job.pk)]}
        assert operator.post(url("actions", "emails"), data).status_code == 302


def test_bulk_actions_ask_first(job: Job, operator: Client, redis: Redis) -> None:
    data = {"action": "delete", "_selected_action": str(job.pk)}
    response = operator.post(url("confirm_action", "emails"), data)
    assert f'name="job_ids" value="{job.pk}"' in response.content.decode()
    assert redis.llen("rq:queue:emails") == 1


def test_a_started_entry_without_a_hash_is_listed(operator: Client, redis: Redis) -> None:
    redis.zadd("rq:wip:emails", {"gone:execution": 9e9})
    response = operator.get(url("started_jobs", "emails"))
    assert response.status_code == 200
    assert "hash missing" in response.content.decode()
    assert operator.post(url("delete_job", "emails", "gone")).status_code == 302
    assert redis.zcard("rq:wip:emails") == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"created_at": "yesterday", "status": "queued"},
        {"status": "unheard-of", "data": b"\x80\x04\x95pickle"},
        {"status": "queued", "data": "x" * 5_000_000},
        {"enqueued_at": "9" * 400, "timeout": "never"},
    ],
)
def test_f03_a_broken_hash_is_named_and_never_opened(operator: Client, redis: Redis, fields: Any) -> None:
    redis.hset("rq:job:broken", mapping=fields)
    redis.rpush("rq:queue:emails", "broken")
    assert operator.get(url("jobs", "emails")).status_code == 200
    response = operator.get(url("job_detail", "emails", "broken"))
    assert response.status_code == 200
    assert "was not written by this project" in response.content.decode()
    assert operator.get(url("home")).status_code == 200


def test_a_key_of_another_type_is_named(operator: Client, redis: Redis) -> None:
    redis.set("rq:job:odd", "text")
    redis.rpush("rq:queue:emails", "odd")
    redis.set("rq:failed:emails", "text")
    for address in (
        url("home"),
        url("jobs", "emails"),
        url("failed_jobs", "emails"),
        url("job_detail", "emails", "odd"),
    ):
        assert operator.get(address).status_code == 200


def test_b07_hostile_ids_and_fields_are_shown_as_text(operator: Client, redis: Redis) -> None:
    redis.rpush("rq:queue:emails", HOSTILE, b"\xff\xfe")
    redis.hset("rq:job:odd", mapping={"status": HOSTILE, "worker_name": HOSTILE})
    redis.sadd("rq:workers", "rq:worker:w1")
    redis.hset("rq:worker:w1", mapping={"state": HOSTILE, "hostname": HOSTILE, "queues": f"emails,{HOSTILE}"})
    pages = [
        url("home"),
        url("jobs", "emails"),
        url("job_detail", "emails", "odd"),
        url("worker_details", "emails", "w1"),
    ]
    for address in pages:
        body = operator.get(address).content.decode()
        assert HOSTILE not in body, address
        assert "&lt;script&gt;" in body, address


def test_looking_at_pages_cleans_up_no_registry(operator: Client, redis: Redis) -> None:
    for state in ("wip", "finished", "failed", "scheduled"):
        redis.zadd(f"rq:{state}:emails", {"long-over": 1})
    redis.sadd("rq:workers", "rq:worker:dead")
    before = contents(redis)
    for address in addresses():
        operator.get(address)
    assert contents(redis) == before


def test_every_page_says_so_while_redis_is_away(operator: Client, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    for name in ("home", "home_json"):
        response = operator.get(url(name))
        assert response.status_code == 503
        assert "Uploads are still accepted" in response.content.decode()
    assert operator.post(url("clear", "emails")).status_code == 503


def test_no_token_opens_the_statistics(settings: Any) -> None:
    settings.RQ_API_TOKEN = "secret"
    home = url("home_json")
    assert Client(headers={"Authorization": "Bearer secret"}).get(home).status_code == 302
    assert staff_client(VIEW, CHANGE).get(f"{home}/secret").status_code == 404


def test_the_statistics_name_queues_and_counts_only(job: Job, operator: Client) -> None:
    emails = next(
        queue for queue in operator.get(url("home_json")).json()["queues"] if queue["name"] == "emails"
    )
    assert emails["queued"] == 1
    assert emails["workers"] == 0


def test_every_page_of_django_rq_has_a_page_of_ours() -> None:
    ours = {pattern.name for pattern in admin.site.get_model_admin(Dashboard).get_urls()}
    assert {pattern.name for pattern in get_admin_urlpatterns("django_rq_")} <= ours


def test_old_bookmarks_with_the_number_of_a_queue_still_lead_to_it(job: Job, operator: Client) -> None:
    # django-rq numbers the queues by name: ai, critical, documents, emails.
    assert str(job.pk) in operator.get(url("jobs", 3)).content.decode()
    assert operator.get(url("jobs", 99)).status_code == 404
    assert operator.get(url("jobs", "no-such-queue")).status_code == 404


def test_a_hint_that_says_something_else_than_its_row_is_marked(job: Job, operator: Client) -> None:
    Job.objects.update(status=JobStatus.SUCCEEDED)
    assert "differs" in operator.get(url("jobs", "emails")).content.decode()


def test_each_hint_leads_to_its_row_and_back(job: Job, operator: Client) -> None:
    hint = url("job_detail", "emails", job.pk)
    row = reverse("admin:jobs_job_change", args=[job.pk])
    assert row in operator.get(hint).content.decode()
    assert hint in operator.get(row).content.decode()


def test_long_queues_are_paged(operator: Client, redis: Redis) -> None:
    redis.rpush("rq:queue:emails", *(str(uuid4()) for _ in range(120)))
    body = operator.get(url("jobs", "emails") + "?page=3").content.decode()
    assert "page 3 of 3" in body
    assert operator.get(url("jobs", "emails") + "?page=999").status_code == 302
    assert operator.get(url("jobs", "emails") + "?page=-1").status_code == 200


def test_f04_no_argument_of_a_job_is_shown_from_redis(job: Job, redis: Redis, operator: Client) -> None:
    Job.objects.update(arguments={"note": "marked-value"})
    for address in (url("jobs", "emails"), url("job_detail", "emails", job.pk), url("home_json")):
        assert "marked-value" not in operator.get(address).content.decode()
