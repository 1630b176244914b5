"""The worker without its processes: what it insists on, and what cannot stop it."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django_rq.workers import get_worker
from redis import Redis
from rq.serializers import JSONSerializer

from jobs.models import Job
from jobs.runner import Report
from jobs.workers import Horse, Worker
from tests.support.processes import RedisServer, free_port


@pytest.fixture
def redis(own_redis: RedisServer, settings: Any) -> Iterator[Redis]:
    """A client of this test's server, which django-rq uses too."""
    settings.RQ_QUEUES = {name: {**queue, "URL": own_redis.url} for name, queue in settings.RQ_QUEUES.items()}
    client = own_redis.client
    yield client
    client.close()


@pytest.fixture
def worker(redis: Redis) -> Worker:
    made = get_worker("critical", "emails", serializer="rq.serializers.DefaultSerializer")
    assert isinstance(made, Worker)
    return made


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)


def test_f01_the_command_s_default_serializer_is_not_used(worker: Worker) -> None:
    assert worker.serializer is JSONSerializer
    assert all(queue.serializer is JSONSerializer for queue in worker.queues)


def test_f03_maintenance_survives_what_it_cannot_read(worker: Worker, redis: Redis) -> None:
    redis.zadd("rq:wip:critical", {b"no such job:no such execution": 1, b"\xff": 1})
    redis.zadd("rq:failed:critical", {"\x00": 1})
    redis.hset("rq:job:x", mapping={"created_at": "yesterday", "status": "undead"})
    worker.run_maintenance_tasks()
    assert not worker.should_run_maintenance_tasks
    assert redis.zcard("rq:wip:critical") == redis.zcard("rq:failed:critical") == 0


def test_maintenance_leaves_running_executions_alone(worker: Worker, redis: Redis) -> None:
    redis.zadd("rq:wip:critical", {"job:execution": 4102444800})
    worker.run_maintenance_tasks()
    assert redis.zcard("rq:wip:critical") == 1


def test_a_worker_can_be_made_while_redis_is_away(settings: Any) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    settings.RQ_QUEUES = {name: {**queue, "URL": url} for name, queue in settings.RQ_QUEUES.items()}
    assert get_worker("critical").ip_address == "unknown"


def test_a_worker_wakes_often_enough_to_look_after_its_dispatcher(worker: Worker) -> None:
    assert worker.dequeue_timeout < worker.connection_timeout < 10


def test_a_work_horse_reports_in_as_many_pieces_as_the_pipe_makes_of_it(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    horse = Horse(pid=1, row=Job(), pipe=reading, hard_limit_seconds=1)
    report = Report({"result": {"text": "é\n" * 1000}})
    line = report.to_line()
    os.write(writing, line[:700])
    horse.hear()
    assert (horse.report, horse.pipe_closed) == (None, False)
    os.write(writing, line[700:])
    os.close(writing)
    horse.hear()
    assert (horse.report, horse.pipe_closed) == (report, True)


def test_a_report_that_breaks_off_counts_as_none(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    horse = Horse(pid=1, row=Job(), pipe=reading, hard_limit_seconds=1)
    os.write(writing, Report(failed=True).to_line()[:-1])
    os.close(writing)
    horse.hear()
    assert (horse.report, horse.pipe_closed) == (None, True)


def test_the_first_reason_to_kill_a_work_horse_stays(pipe: tuple[int, int]) -> None:
    horse = Horse(pid=1, row=Job(), pipe=pipe[0], hard_limit_seconds=1)
    os.close(pipe[1])
    horse.kill_within(30, "cancel")
    planned_at = horse.kill_at
    horse.kill_within(0, "stop")
    assert (horse.kill_at, horse.reason) == (planned_at, "cancel")
