"""Real workers with their dispatchers: one leads, gated queues are served in turns, pauses hold at once."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from jobs import dispatch, leadership, pauses
from jobs.models import Attempt, HoldReason, Job, JobStatus, Leadership
from tests.support.probe import tasks
from tests.support.processes import RedisServer, Site, WorkerProcess, wait_until

pytestmark = pytest.mark.acceptance

S = JobStatus


def leader() -> str:
    """Who leads now, by the database's clock."""
    held = Leadership.objects.filter(name=leadership.DISPATCHER, until__gt=Now())
    return held.values_list("holder", flat=True).first() or ""


def led_by(worker: WorkerProcess) -> bool:
    """Whether the worker's dispatcher leads: its log names it."""
    name = leader()
    return bool(name) and f"Dispatcher {name} leads" in worker.log_text()


def ended(*jobs: Job, status: JobStatus = S.SUCCEEDED) -> bool:
    return Job.objects.filter(pk__in=[job.pk for job in jobs], status=status).count() == len(jobs)


def flood(path: Path, count: int, tenant: int) -> None:
    """So many waiting jobs of one organization on a gated queue, as a single transaction leaves them."""
    Job.objects.bulk_create(
        Job(
            task="probe.dawdle",
            queue="validations",
            arguments={"path": str(path), "seconds": 0},
            tenant_id=tenant,
            timeout_seconds=60,
            max_attempts=1,
            created_at=Now(),
            due_at=Now(),
        )
        for _ in range(count)
    )


def freeze(pid: int) -> None:
    """Freeze the process while it writes nothing: SQLite's one lock would keep everybody waiting for it."""
    for _ in range(200):
        os.kill(pid, signal.SIGSTOP)
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "sqlite":
                    cursor.execute("PRAGMA busy_timeout = 200")
                cursor.execute("DELETE FROM jobs_leadership WHERE name = 'nobody'")
                if connection.vendor == "sqlite":
                    cursor.execute("PRAGMA busy_timeout = 20000")
        except OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it never stopped writing")


def test_a_dead_leader_is_followed_within_eight_seconds(site: Site) -> None:
    first = site.worker()
    wait_until(lambda: led_by(first))
    second = site.worker()
    wait_until(lambda: "stands by" in second.log_text() or len(second.children()) == 1)
    first.kill_all()
    killed_at = time.monotonic()
    wait_until(lambda: led_by(second), seconds=20)
    # A look of the other one lies between, and a busy machine adds its own delay.
    assert time.monotonic() - killed_at < 8 + 2


def test_a_leader_that_stops_in_order_is_followed_before_its_lease_is_over(site: Site) -> None:
    first = site.worker()
    wait_until(lambda: led_by(first))
    second = site.worker()
    wait_until(lambda: len(second.children()) == 1)
    first.process.send_signal(signal.SIGTERM)
    first.process.wait(timeout=60)
    assert leader() != "" or Leadership.objects.get().until is not None
    stopped_at = time.monotonic()
    wait_until(lambda: led_by(second), seconds=20)
    assert time.monotonic() - stopped_at < leadership.LEASE.total_seconds()


def test_a_dispatcher_that_was_killed_leads_again_as_soon_as_its_worker_started_it_anew(site: Site) -> None:
    worker = site.worker()
    wait_until(lambda: led_by(worker))
    holder = leader()
    os.kill(worker.children()[0], signal.SIGKILL)
    job = tasks.dawdle.enqueue(path=str(site.folder / "out"), seconds=0)
    wait_until(lambda: ended(job), seconds=30)
    assert leader() == holder


def test_x16_a_frozen_leader_that_wakes_beside_the_next_one_doubles_nothing(
    site: Site, tmp_path: Path
) -> None:
    first = site.worker("critical")
    wait_until(lambda: led_by(first))
    second = site.worker()
    wait_until(lambda: len(second.children()) == 1)
    frozen = first.children()[0]
    freeze(frozen)
    flood(tmp_path / "out", 20, tenant=1)
    wait_until(lambda: led_by(second), seconds=30)
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: not Job.objects.exclude(status=S.SUCCEEDED).exists(), seconds=120)
    assert Attempt.objects.count() == 20


def test_no_more_jobs_of_a_queue_run_at_once_than_it_has_places(site: Site, tmp_path: Path) -> None:
    for _ in range(3):
        site.worker("validations")
    jobs = [tasks.dawdle.enqueue(path=str(tmp_path / f"out-{n}"), seconds=0.5) for n in range(6)]
    most = 0
    while not ended(*jobs):
        most = max(most, Job.objects.filter(status=S.RUNNING, queue="validations").count())
        time.sleep(0.02)
    assert most == 2


def test_f07_one_job_of_another_organization_starts_next_before_ten_thousand(
    site: Site, tmp_path: Path
) -> None:
    flood(tmp_path / "out", 10_000, tenant=1)
    site.worker("validations")
    wait_until(lambda: Attempt.objects.count() >= 3)
    before = Attempt.objects.count()
    late = tasks.dawdle.using(tenant_id=2).enqueue(path=str(tmp_path / "late"), seconds=0)
    wait_until(lambda: ended(late))
    started_at = Attempt.objects.get(job=late).started_at
    # Two places: what ran or was in Redis already, and what ended while the enqueue was under way.
    assert Attempt.objects.filter(started_at__lt=started_at).count() - before <= 2 + 4


def test_x09_a_deleted_queue_key_and_hash_of_a_gated_queue_are_made_up_for_within_fifteen_seconds(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    jobs = [tasks.dawdle.enqueue(path=str(tmp_path / f"out-{n}"), seconds=0) for n in range(4)]
    leading = site.worker("critical")
    wait_until(lambda: redis.client.llen("rq:queue:validations") == 2)
    wait_until(lambda: led_by(leading))
    for key in ("rq:queue:validations", *redis.client.keys("rq:job:*")):
        redis.client.delete(key)
    wait_until(lambda: redis.client.llen("rq:queue:validations") == 2, seconds=15)
    site.worker("validations")
    wait_until(lambda: ended(*jobs))


def test_a_pause_holds_within_a_second_on_a_worker_that_waits_in_redis(site: Site, tmp_path: Path) -> None:
    worker = site.worker()
    first = tasks.empty.enqueue()
    wait_until(lambda: ended(first))
    wait_until(lambda: led_by(worker))
    pauses.pause(queue="critical", reason="maintenance of the mail server")
    job = tasks.empty.enqueue()
    wait_until(lambda: ended(job, status=S.HELD), seconds=1 + 5 * site.tick_seconds)
    assert Job.objects.get(pk=job.pk).hold_reason == HoldReason.PAUSED
    pauses.resume(queue="critical")
    wait_until(lambda: ended(job), seconds=5)


def test_a_pause_of_one_organization_lets_the_others_work_and_ends_by_itself(
    site: Site, tmp_path: Path
) -> None:
    pauses.pause(tenant_id=1, reason="unpaid", until=timezone.now() + timedelta(hours=1))
    site.worker()
    ours = tasks.dawdle.using(tenant_id=1).enqueue(path=str(tmp_path / "ours"), seconds=0)
    theirs = tasks.dawdle.using(tenant_id=2).enqueue(path=str(tmp_path / "theirs"), seconds=0)
    wait_until(lambda: ended(theirs))
    assert not ended(ours)
    pauses.pause(tenant_id=1, reason="unpaid", until=timezone.now() + timedelta(seconds=1))
    wait_until(lambda: ended(ours), seconds=30)
    assert (
        Attempt.objects.aggregate(last=Max("started_at"))["last"] == Attempt.objects.get(job=ours).started_at
    )


def test_x11_jobs_of_a_gated_queue_wait_for_a_full_redis_and_catch_up(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    site.worker()
    wait_until(lambda: leader() != "")
    redis.client.config_set("maxmemory", "1")
    jobs = [tasks.dawdle.enqueue(path=str(tmp_path / f"out-{n}"), seconds=0) for n in range(3)]
    wait_until(lambda: not dispatch.redis_answers())
    redis.client.config_set("maxmemory", "0")
    wait_until(lambda: ended(*jobs), seconds=15)


def test_a_burst_drains_gated_queues_without_any_leader(site: Site, tmp_path: Path) -> None:
    jobs = [tasks.dawdle.enqueue(path=str(tmp_path / f"out-{n}"), seconds=0) for n in range(5)]
    site.burst("validations")
    assert ended(*jobs)
