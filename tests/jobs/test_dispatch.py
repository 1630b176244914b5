"""Sending ids to Redis, whatever state it is in."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from jobs import dispatch, failfast, live
from jobs.models import Job, JobStatus
from jobs.transport import HintQueue
from tests.support.probe import tasks
from tests.support.processes import RedisServer, free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mute_redis(settings: Any) -> Iterator[socket.socket]:
    """A server that takes connections and never says a word: each of them costs its caller a time-out."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield server


def _connections(server: socket.socket) -> int:
    """How often somebody connected."""
    server.settimeout(0)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_x06_an_enqueue_takes_under_a_second_when_redis_refuses(no_redis: None) -> None:
    began = time.monotonic()
    job = tasks.empty.enqueue()
    assert time.monotonic() - began < 1.0
    assert Job.objects.get(pk=job.pk).status == JobStatus.HELD


def test_x07_an_enqueue_takes_under_a_second_when_redis_is_mute(mute_redis: socket.socket) -> None:
    began = time.monotonic()
    job = tasks.empty.enqueue()
    assert time.monotonic() - began < 1.0
    assert Job.objects.get(pk=job.pk).status == JobStatus.HELD


def test_x07_an_enqueue_takes_under_a_second_when_redis_freezes(own_redis: RedisServer) -> None:
    tasks.empty.enqueue()
    own_redis.send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        job = tasks.empty.enqueue()
        assert time.monotonic() - began < 1.0
    finally:
        own_redis.send(signal.SIGCONT)
    assert Job.objects.get(pk=job.pk).status == JobStatus.HELD


def test_x07_many_jobs_of_one_request_wait_for_a_mute_redis_only_once(
    mute_redis: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long twenty rows take on a busy machine, the pauses after a failure last longer.
    monkeypatch.setattr(failfast, "PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(live, "PUBLISH_PAUSE_SECONDS", 3600.0)
    for _ in range(20):
        tasks.empty.enqueue()
    # One time-out for all ids and one for all wake-ups of open pages.
    assert _connections(mute_redis) == 2
    assert Job.objects.filter(status=JobStatus.HELD).count() == 20


def test_x11_a_full_redis_holds_jobs_and_fails_no_caller(own_redis: RedisServer) -> None:
    own_redis.client.config_set("maxmemory", "1")
    job = tasks.empty.enqueue()
    assert Job.objects.get(pk=job.pk).status == JobStatus.HELD


def test_x11_a_full_redis_does_not_count_as_answering(own_redis: RedisServer) -> None:
    assert dispatch.redis_answers()
    own_redis.client.config_set("maxmemory", "1")
    assert not dispatch.redis_answers()


def test_a_failure_is_forgotten_as_soon_as_redis_answers(own_redis: RedisServer) -> None:
    own_redis.stop()
    tasks.empty.enqueue()
    own_redis.start()
    assert dispatch.redis_answers()
    job = tasks.empty.enqueue()
    assert Job.objects.get(pk=job.pk).status == JobStatus.QUEUED


def test_many_jobs_are_sent_in_order(own_redis: RedisServer) -> None:
    jobs = [tasks.empty.enqueue() for _ in range(3)]
    own_redis.client.flushall()
    assert dispatch.push(jobs)
    assert own_redis.client.lrange("rq:queue:critical", 0, -1) == [str(job.pk).encode() for job in jobs]


def test_a_hint_that_redis_lost_is_noticed(own_redis: RedisServer) -> None:
    kept, hash_gone, place_gone = (tasks.empty.enqueue() for _ in range(3))
    own_redis.client.delete(f"rq:job:{hash_gone.pk}")
    own_redis.client.lrem("rq:queue:critical", 0, str(place_gone.pk))
    assert dispatch.missing([kept, hash_gone, place_gone]) == [hash_gone, place_gone]


def test_only_one_of_several_askers_is_told_that_redis_is_empty(own_redis: RedisServer) -> None:
    assert [dispatch.came_back_empty() for _ in range(3)] == [True, False, False]


def test_the_hints_of_cancelled_jobs_are_taken_out(own_redis: RedisServer) -> None:
    job = tasks.empty.enqueue()
    dispatch.forget([job])
    assert own_redis.client.llen("rq:queue:critical") == 0
    assert not own_redis.client.exists(f"rq:job:{job.pk}")


def test_an_absent_redis_forgets_nothing_and_says_nothing(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    job = tasks.empty.enqueue()
    dispatch.forget([job])
    assert Job.objects.filter(pk=job.pk).exists()


def test_from_a_long_queue_only_what_an_id_stands_for_is_taken(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = tasks.empty.enqueue(), tasks.empty.enqueue()
    monkeypatch.setattr(dispatch, "MOST_COMPARED", 1)
    dispatch.forget([job])
    assert own_redis.client.llen("rq:queue:critical") == 2
    queue = HintQueue("critical", connection=own_redis.client)
    assert queue.opened_ids([str(job.pk).encode(), str(other.pk).encode()]) == [other.pk]


def test_x07_many_that_are_forgotten_wait_for_a_mute_redis_only_once(
    mute_redis: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failfast, "PAUSE_SECONDS", 3600.0)
    for _ in range(20):
        dispatch.forget([Job(queue="critical")])
    assert _connections(mute_redis) == 1
