"""Real workers on a real Redis, and what kills them: no job is lost, none is shown twice."""

import json
import os
import signal
import time
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from redis import Redis

from jobs import dispatch, services
from jobs.models import Attempt, Job, JobStatus
from tests.support.probe import tasks
from tests.support.probe.tasks import on
from tests.support.processes import RedisServer, Site, wait_until

pytestmark = pytest.mark.acceptance

S = JobStatus


def status_of(job: Job) -> str:
    return Job.objects.get(pk=job.pk).status


def has_started(path: Path) -> int:
    """The process id of the work-horse that noted its start last, or 0."""
    starts = [line for line in lines(path) if line.startswith("start")]
    return int(starts[-1].split()[2]) if starts else 0


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def outcomes(job: Job) -> list[str]:
    return list(Attempt.objects.filter(job=job).order_by("fence").values_list("outcome", flat=True))


def wait_for(job: Job, status: JobStatus, *, seconds: float = 60.0) -> float:
    """The seconds until the job had the status."""
    began = time.monotonic()
    wait_until(lambda: status_of(job) == status, seconds=seconds, what=f"{job} to be {status}")
    return time.monotonic() - began


def test_one_worker_and_nothing_else_runs_retries_and_delayed_jobs(site: Site, tmp_path: Path) -> None:
    failing = tasks.fail_until.enqueue(path=str(tmp_path / "out"), attempt=3)
    delayed = tasks.empty.using(delay=timedelta(seconds=1)).enqueue()
    site.worker()
    wait_for(failing, S.SUCCEEDED)
    wait_for(delayed, S.SUCCEEDED)
    assert outcomes(failing) == ["failed", "failed", "succeeded"]


def test_a_burst_drains_everything_that_is_due_and_ends(site: Site, tmp_path: Path) -> None:
    first = tasks.note.enqueue(path=str(tmp_path / "out"))
    lost = tasks.note.enqueue(path=str(tmp_path / "out"))
    later = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    dispatch.connection().lrem("rq:queue:critical", 0, str(lost.pk))
    site.burst()
    assert [status_of(job) for job in (first, lost, later)] == [S.SUCCEEDED, S.SUCCEEDED, S.SCHEDULED]


def test_a_plain_worker_on_a_named_queue_needs_no_option(site: Site) -> None:
    mine, other = tasks.empty.enqueue(), tasks.dawdle.enqueue(path=str(site.folder / "out"), seconds=0)
    site.burst("critical")
    assert (status_of(mine), status_of(other)) == (S.SUCCEEDED, S.QUEUED)


def test_x01_a_killed_work_horse_is_noticed_and_its_job_starts_again_within_two_seconds(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job = tasks.dawdle.enqueue(path=str(out), seconds=2)
    site.worker()
    os.kill(wait_until(lambda: has_started(out)), signal.SIGKILL)
    killed_at = time.monotonic()
    wait_until(lambda: len(lines(out)) == 2)
    assert time.monotonic() - killed_at < 2
    wait_for(job, S.SUCCEEDED)
    assert outcomes(job) == ["lost", "succeeded"]
    wait_until(lambda: lines(out)[-1] == "end 2")


def test_x02_a_killed_machine_s_job_is_taken_over_when_its_lease_is_over(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = tasks.dawdle.enqueue(path=str(out), seconds=2)
    first = site.worker()
    wait_until(lambda: has_started(out))
    site.worker()
    first.kill_all()
    assert wait_for(job, S.SUCCEEDED) < site.lease_seconds + 10
    assert outcomes(job) == ["lost", "succeeded"]


@pytest.mark.slow
@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_x02_a_killed_machine_s_job_is_taken_over_within_forty_seconds_by_default(
    site: Site, tmp_path: Path
) -> None:
    site.lease_seconds, site.tick_seconds, site.stop_seconds = 20, 1, 25
    out = tmp_path / "out"
    tasks.dawdle.enqueue(path=str(out), seconds=20)
    first = site.worker()
    wait_until(lambda: has_started(out))
    second = site.worker()
    wait_until(lambda: "listening" in second.log_text().lower() or len(second.children()) > 0)
    first.kill_all()
    killed_at = time.monotonic()
    wait_until(lambda: len(lines(out)) == 2, seconds=40)
    assert time.monotonic() - killed_at < 40


def test_x03_a_work_horse_dies_with_its_parent_and_shows_nothing_twice(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = tasks.be_deaf.enqueue(path=str(out), seconds=2)
    worker = site.worker()
    horse = wait_until(lambda: has_started(out))
    children = worker.children()
    worker.process.kill()
    worker.process.wait()
    wait_until(lambda: not any(_is_alive(pid) for pid in (horse, *children)), seconds=2)
    site.worker()
    wait_for(job, S.SUCCEEDED)
    assert [line for line in lines(out) if line.startswith("end")] == ["end 2"]


def test_x04_a_worker_that_is_to_stop_hands_its_job_back_at_a_checkpoint(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = tasks.dawdle.enqueue(path=str(out), seconds=30)
    worker = site.worker()
    wait_until(lambda: has_started(out))
    worker.process.send_signal(signal.SIGTERM)
    assert wait_for(job, S.QUEUED) < site.stop_seconds
    # The end of the process itself is not bounded by the setting: a busy machine takes its time to unload it.
    assert worker.process.wait(timeout=60) == 0
    job.refresh_from_db()
    assert (job.status, job.attempt, outcomes(job)) == (S.QUEUED, 0, ["handed_back"])


def test_x04_a_task_without_checkpoints_is_killed_in_time_and_its_job_handed_back(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job = tasks.be_deaf.enqueue(path=str(out), seconds=60)
    worker = site.worker()
    wait_until(lambda: has_started(out))
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(timeout=site.stop_seconds + 5)
    job.refresh_from_db()
    assert (job.status, job.attempt, outcomes(job)) == (S.QUEUED, 0, ["handed_back"])


def test_x04_a_second_sigterm_hands_the_job_back_at_once(site: Site, tmp_path: Path) -> None:
    site.stop_seconds = 60
    out = tmp_path / "out"
    job = tasks.be_deaf.enqueue(path=str(out), seconds=60)
    worker = site.worker()
    wait_until(lambda: has_started(out))
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(timeout=5)
    assert (status_of(job), outcomes(job)) == (S.QUEUED, ["handed_back"])


def test_x06_jobs_asked_for_while_redis_is_away_run_when_it_is_back(site: Site, redis: RedisServer) -> None:
    site.worker()
    done = tasks.empty.enqueue()
    wait_for(done, S.SUCCEEDED)
    redis.stop()
    began = time.monotonic()
    job = tasks.empty.enqueue()
    assert time.monotonic() - began < 1
    redis.start()
    assert wait_for(job, S.SUCCEEDED) < 10


def test_x08_a_job_goes_on_while_redis_restarts_with_its_data(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    running = tasks.dawdle.enqueue(path=str(out), seconds=2)
    waiting = tasks.empty.enqueue()
    site.worker("validations")
    wait_until(lambda: has_started(out))
    redis.stop()
    redis.start()
    wait_for(running, S.SUCCEEDED)
    site.burst("critical")
    assert (outcomes(running), outcomes(waiting)) == (["succeeded"], ["succeeded"])


def test_x09_everything_runs_when_redis_comes_back_empty(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    running = tasks.dawdle.enqueue(path=str(out), seconds=1)
    site.worker()
    wait_until(lambda: has_started(out))
    queued = tasks.empty.enqueue()
    delayed = tasks.empty.using(delay=timedelta(seconds=2)).enqueue()
    retrying = tasks.fail_until.enqueue(path=str(tmp_path / "other"), attempt=2)
    redis.client.flushall()
    for job in (running, queued, delayed, retrying):
        wait_for(job, S.SUCCEEDED, seconds=15)
    assert outcomes(running) == ["succeeded"]


def test_x10_a_job_that_ends_while_redis_is_away_is_not_run_again(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job = tasks.dawdle.enqueue(path=str(out), seconds=1)
    site.worker()
    wait_until(lambda: has_started(out))
    redis.stop()
    wait_for(job, S.SUCCEEDED)
    redis.start()
    wait_for(tasks.empty.enqueue(), S.SUCCEEDED)
    assert outcomes(job) == ["succeeded"]


def test_x13_a_connection_that_is_reset_mid_job_ends_the_attempt_and_the_next_succeeds(
    site: Site, tmp_path: Path
) -> None:
    job = tasks.lose_the_database.enqueue(path=str(tmp_path / "out"))
    site.worker()
    wait_for(job, S.SUCCEEDED)
    assert outcomes(job) == ["failed", "succeeded"]


@pytest.mark.parametrize("site", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_x13_a_worker_outlives_the_cut_of_the_connection_that_it_keeps(site: Site) -> None:
    worker = site.worker()
    wait_for(tasks.empty.enqueue(), S.SUCCEEDED)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    job = tasks.empty.enqueue()
    wait_for(job, S.SUCCEEDED)
    assert (outcomes(job), _is_alive(worker.pid)) == (["succeeded"], True)


def test_x16_one_job_delivered_twenty_times_to_four_workers_runs_once(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    workers = [site.worker() for _ in range(4)]
    for worker in workers:
        wait_until(lambda worker=worker: len(worker.children()) == 1)  # type: ignore[misc]
    job = tasks.dawdle.enqueue(path=str(tmp_path / "out"), seconds=1)
    redis.client.lpush("rq:queue:validations", *[str(job.pk)] * 19)
    wait_for(job, S.SUCCEEDED)
    wait_until(lambda: redis.client.llen("rq:queue:validations") == 0)
    assert outcomes(job) == ["succeeded"]
    wait_until(lambda: lines(tmp_path / "out")[-1] == "end 1")
    assert len(lines(tmp_path / "out")) == 2


def test_x21_a_task_that_kills_its_process_ends_quarantined_and_the_queue_moves_on(
    site: Site, tmp_path: Path
) -> None:
    killer = tasks.kill_itself.enqueue(path=str(tmp_path / "out"))
    following = tasks.empty.enqueue()
    site.worker()
    wait_for(following, S.SUCCEEDED)
    wait_for(killer, S.FAILED)
    killer.refresh_from_db()
    assert (killer.error_code, outcomes(killer)) == ("quarantined", ["lost"] * 3)


def test_a_process_that_leaves_without_a_word_counts_as_lost(site: Site) -> None:
    job = tasks.leave.enqueue()
    site.worker()
    wait_for(job, S.FAILED)
    assert outcomes(job) == ["lost"] * 3


def test_a_success_that_cannot_be_stored_costs_an_attempt_and_not_the_worker(site: Site) -> None:
    job, following = tasks.count_too_far.enqueue(), tasks.empty.enqueue()
    worker = site.worker()
    wait_for(job, S.FAILED)
    wait_for(following, S.SUCCEEDED)
    assert outcomes(job) == ["lost"] * 2
    assert _is_alive(worker.pid)


def test_jobs_run_one_after_the_other_on_the_connection_that_their_parent_keeps(
    site: Site, tmp_path: Path
) -> None:
    jobs = [tasks.look_into_the_database.enqueue(path=str(tmp_path / "out")) for _ in range(5)]
    site.burst("critical")
    assert [outcomes(job) for job in jobs] == [["succeeded"]] * 5
    assert set(lines(tmp_path / "out")) == {"running"}


def test_a_running_job_stops_within_seconds_of_its_cancellation(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = tasks.dawdle.enqueue(path=str(out), seconds=30)
    site.worker()
    wait_until(lambda: has_started(out))
    services.cancel_job(job=job, by=None)
    assert wait_for(job, S.CANCELLED) < 3


def test_a_task_without_checkpoints_is_killed_when_it_was_cancelled_long_ago(
    site: Site, tmp_path: Path
) -> None:
    site.stop_seconds = 1
    out = tmp_path / "out"
    job = tasks.be_deaf.enqueue(path=str(out), seconds=60)
    site.worker()
    wait_until(lambda: has_started(out))
    services.cancel_job(job=job, by=None)
    wait_for(job, S.CANCELLED)
    assert outcomes(job) == ["cancelled"]


def test_a_killed_dispatcher_is_started_again(site: Site) -> None:
    worker = site.worker()
    dispatcher = wait_until(worker.children)[0]
    os.kill(dispatcher, signal.SIGKILL)
    wait_for(tasks.empty.using(delay=timedelta(seconds=1)).enqueue(), S.SUCCEEDED)
    assert _is_alive(worker.pid)


@pytest.mark.parametrize("content", ["undead", ""])
def test_f03_a_worker_starts_on_broken_hashes_and_runs_the_next_job_within_a_second(
    site: Site, redis: RedisServer, content: str
) -> None:
    broken, good = tasks.empty.enqueue(), tasks.empty.enqueue()
    redis.client.hset(f"rq:job:{broken.pk}", "status", content)
    for registry in ("rq:wip:critical", "rq:failed:critical", "rq:finished:critical"):
        redis.client.zadd(registry, {f"{broken.pk}:x": 1, "\x00": 1})
    redis.client.rpush("rq:queue:critical:intermediate", "not an id")
    site.worker()
    wait_for(good, S.SUCCEEDED)
    attempt = Attempt.objects.get(job=good)
    worker_began = min(Attempt.objects.values_list("started_at", flat=True))
    assert (attempt.started_at - worker_began).total_seconds() < 1
    wait_for(broken, S.SUCCEEDED)


def test_f01_f02_nothing_smuggled_into_redis_is_executed(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    _smuggle(redis.client, "os.system", [f"touch {tmp_path / 'executed'}"])
    following = tasks.empty.enqueue()
    site.worker()
    wait_for(following, S.SUCCEEDED)
    assert redis.client.llen("jobs:quarantine") == 1
    assert not (tmp_path / "executed").exists()


def test_f04_no_value_of_a_failed_job_reaches_redis_or_the_log(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    light = tasks.fail_until.enqueue(path=str(tmp_path / "TREMBLAY-light"), attempt=99)
    heavy = on("maintenance", tasks.fail_until).enqueue(path=str(tmp_path / "TREMBLAY-heavy"), attempt=99)
    worker = site.worker()
    wait_for(light, S.FAILED)
    wait_for(heavy, S.FAILED)
    wait_until(lambda: redis.client.zcard("rq:failed:maintenance"))
    everything = b"".join(redis.client.dump(key) or b"" for key in redis.client.keys("*"))
    assert b"TREMBLAY" not in everything
    assert b"ValueError" not in everything
    assert "TREMBLAY" not in worker.log_text()


def _smuggle(client: Redis, function: str, arguments: list[str]) -> None:
    """Put a job for stock RQ into a queue, as somebody would who can write to Redis."""
    data = zlib.compress(json.dumps([function, None, arguments, {}]).encode())
    client.hset(
        "rq:job:smuggled", mapping={"data": data, "origin": "critical", "status": "queued", "timeout": "60"}
    )
    client.lpush("rq:queue:critical", "smuggled")


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
