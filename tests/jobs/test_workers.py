"""The worker without its processes: what it insists on, and what cannot stop it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django_rq.workers import get_worker
from redis import Redis
from rq.serializers import JSONSerializer
from rq.suspension import suspend

from config.queues import QUEUES, WORKER_ROLES
from jobs import dispatch, lifecycle
from jobs.admission import Seat
from jobs.management.commands.rqworker import queues_of
from jobs.models import Job, JobStatus, WorkerProcess
from jobs.processes import memory_of_tree
from jobs.runner import Report
from jobs.workers import Worker
from jobs.workers.database import in_database
from jobs.workers.horse import Harness, Horse
from jobs.workers.presence import Presence
from jobs.workers.shift import Shift
from jobs.workers.taking import Taking
from jobs.workers.traces import Traces
from jobs.workers.worker import MOST_CONNECTIONS
from tests.support.platform import locked_elsewhere
from tests.support.probe import tasks
from tests.support.probe.tasks import on
from tests.support.processes import RedisServer, free_port, wait_until


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


def test_all_queues_of_a_worker_share_one_capped_pool(worker: Worker) -> None:
    pools = {id(queue.connection.connection_pool) for queue in worker.queues}
    assert pools == {id(worker.connection.connection_pool)}
    assert worker.connection.connection_pool.max_connections == MOST_CONNECTIONS


def test_a_word_of_a_cancellation_wakes_the_shift_and_no_other_command_of_ours_exists(worker: Worker) -> None:
    shift = Shift(worker, [], 0.0)
    worker._shift = shift
    worker.handle_payload({"data": b'{"command": "look"}'})
    assert shift._nudged


@pytest.mark.parametrize(("stopped", "reason"), [("a job", "cancel"), (None, "killed")])
def test_rq_s_orders_to_kill_and_to_stop_end_the_job_under_way(
    worker: Worker, stopped: str | None, reason: str
) -> None:
    shift = worker._shift = Shift(worker, [], 0.0)
    with horse_of(rows(1), lambda _harness: time.sleep(60)) as horse:
        shift.horse = horse
        worker._stopped_job_id = stopped
        worker.kill_horse()
        assert shift._end
        assert (shift._end.row, shift._end.reason) == (horse.current, reason)


def no_process() -> int:
    raise BlockingIOError("no process to give")


def test_a_worker_that_gets_no_process_for_its_dispatcher_goes_on_and_tries_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", no_process)
    # No child of this process.
    worker._dispatcher_pid = os.getpid()
    for _try in range(2):
        worker._look_after_dispatcher()
        assert worker._dispatcher_pid == 0


@pytest.mark.django_db
def test_x01_an_error_of_the_parent_in_a_shift_is_none_of_redis_and_leaves_no_work_horse_behind(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = on("critical", tasks.be_deaf).enqueue(path=str(tmp_path / "out"), seconds=60)
    dispatch.push([job])

    def fail(*_: int) -> None:
        raise ChildProcessError

    monkeypatch.setattr(os, "wait4", fail)
    before = psutil.Process().children()
    with pytest.raises(ChildProcessError):
        worker._step(None, None)
    assert psutil.Process().children() == before


# --- A work-horse and its pipes ---------------------------------------------------------------------------


def rows(count: int) -> list[Job]:
    return [Job(task=f"probe.{number}") for number in range(count)]


@contextmanager
def horse_of(offered: list[Job], live: Callable[[Harness], None]) -> Iterator[Horse]:
    horse = Horse.start(offered, live)
    try:
        yield horse
    finally:
        horse.put_down()


def heard_from(horse: Horse, count: int) -> list[tuple[Job, Report]]:
    heard: list[tuple[Job, Report]] = []

    def all_said() -> bool:
        horse.wait(0.01)
        heard.extend(horse.hear())
        return len(heard) >= count

    wait_until(all_said)
    return heard


def test_a_work_horse_reports_each_job_in_order() -> None:
    offered = rows(3)
    reports = [Report({"result": {"text": "é\n" * 30_000}}), Report(failed=True), Report(skipped=True)]

    def live(harness: Harness) -> None:
        for report in reports:
            assert harness.take()
            harness.report(report)
        os._exit(0)

    with horse_of(offered, live) as horse:
        heard = heard_from(horse, 3)
        assert heard == list(zip(offered, reports, strict=True))
        assert horse.current is None


def test_what_nobody_has_begun_can_be_taken_back_and_what_is_under_way_cannot() -> None:
    offered = rows(4)

    def live(harness: Harness) -> None:
        harness.take()
        harness.report(Report())
        harness.take()
        time.sleep(60)

    with horse_of(offered, live) as horse:
        heard_from(horse, 1)
        wait_until(lambda: horse.current is offered[1] and psutil.Process(horse.pid).status() == "sleeping")
        assert horse.withdraw() == offered[2:]
        assert (horse.current, horse.open, horse.withdraw()) == (offered[1], [offered[1]], [])


def test_a_withdrawn_job_is_never_begun(tmp_path: Path) -> None:
    offered = rows(2)

    def live(harness: Harness) -> None:
        wait_until((tmp_path / "go").exists)
        (tmp_path / "begun").write_text(str(harness.take()))
        os._exit(0)

    with horse_of(offered, live) as horse:
        assert horse.withdraw() == offered
        (tmp_path / "go").touch()
        wait_until(lambda: horse.wait(0.01))
        assert (tmp_path / "begun").read_text() == "None"


def test_a_report_that_breaks_off_counts_as_none() -> None:
    def live(harness: Harness) -> None:
        harness.take()
        os.write(harness._reports, b"0 " + Report().to_line()[:-1])
        os._exit(0)

    offered = rows(1)
    with horse_of(offered, live) as horse:
        wait_until(lambda: horse.wait(0.01))
        assert (horse.hear(), horse.current) == ([], offered[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no single rows")
def test_a_lease_that_could_not_be_renewed_is_asked_for_again_at_once(worker: Worker, seat: Seat) -> None:
    connection.close()
    row = in_database(lambda: lifecycle.claim(tasks.empty.enqueue().pk, seat))
    assert row
    shift = Shift(worker, [], 0.0)
    with horse_of([row], lambda _harness: time.sleep(60)) as horse:
        with locked_elsewhere(row):
            shift._renew(horse, time.monotonic())
        Job.objects.update(lease_until=Now())
        wait_until(lambda: time.monotonic() > shift._renew_at, seconds=1)
        shift._tend(horse)
    assert not Job.objects.stalled().exists()
    connection.close()


# --- What is taken next ----------------------------------------------------------------------------------


def test_each_eighth_take_begins_with_another_queue() -> None:
    taking = Taking()
    firsts = []
    for _number in range(24):
        firsts.append(taking.order(["urgent", "usual", "idle"])[0])
        taking.took()
    assert firsts == ["urgent"] * 15 + ["usual"] + ["urgent"] * 7 + ["idle"]


def test_no_queue_waits_for_ever_however_many_others_are_always_full() -> None:
    taking, taken = Taking(), Counter[str]()
    for _number in range(800):
        order = taking.order(["a", "b", "c", "d", "e"])
        taken[next(name for name in order if name in "ace")] += 1
        taking.took()
    # B and D are empty: their turns fall to the next one.
    assert taken == {"a": 720, "c": 40, "e": 40}


def test_waiting_in_vain_does_not_count_as_a_take() -> None:
    taking = Taking()
    assert [taking.order(["a", "b"])[0] for _number in range(20)] == ["a"] * 20


@pytest.mark.parametrize(
    ("jobs", "seconds", "load"), [(10, 0.01, 40), (100, 0.2, 100), (10, 5.0, 2), (1, 30.0, 1), (5, 0.0, 20)]
)
def test_the_next_load_lasts_about_a_second_and_does_not_leap(jobs: int, seconds: float, load: int) -> None:
    taking = Taking()
    taking.learn("notifications", jobs, seconds)
    assert taking.load_of("notifications") == load


@pytest.mark.parametrize("queue", ["validations", "emails", "no such queue"])
def test_heavy_jobs_and_those_whose_starts_are_counted_are_taken_one_by_one(queue: str) -> None:
    taking = Taking()
    taking.learn(queue, 100, 0.1)
    assert taking.load_of(queue) == 1


def test_a_role_names_queues_in_the_order_of_their_urgency() -> None:
    assert queues_of("scheduled") == ["scheduled", "maintenance"]
    assert queues_of(None) == [queue.name for queue in QUEUES]


def test_a_role_and_queues_together_are_refused() -> None:
    with pytest.raises(CommandError):
        call_command("rqworker", "critical", role="ai")


def test_every_queue_is_in_a_role() -> None:
    assert {name for names in WORKER_ROLES.values() for name in names} == {queue.name for queue in QUEUES}


# --- What a task leaves behind ---------------------------------------------------------------------------


def test_an_untouched_process_has_no_traces() -> None:
    assert not Traces().are_there()


def test_a_thread_that_goes_on_is_a_trace() -> None:
    traces, end = Traces(), threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    assert traces.are_there()
    end.set()
    thread.join()
    assert not traces.are_there()


def test_a_changed_environment_folder_or_handler_is_a_trace(monkeypatch: Any, tmp_path: Path) -> None:
    traces = Traces()
    monkeypatch.setenv("BORDEREAU_LEFT", "1")
    assert traces.are_there()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert traces.are_there()
    monkeypatch.undo()
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert traces.are_there()
    signal.signal(signal.SIGUSR1, before)
    assert not traces.are_there()


# --- The row of a worker ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_worker_s_row_follows_it_from_its_start_to_its_end() -> None:
    presence = Presence("w1", ["critical"])
    presence.begin()
    presence.jobs_done = 7
    presence.show(is_stopping=False)
    row = WorkerProcess.objects.get()
    assert (row.name, row.pid, row.queues, row.jobs_done) == ("w1", os.getpid(), ["critical"], 0)
    assert row.memory_bytes
    assert row.version
    assert (bool(row.stopping_at), bool(row.ended_at)) == (False, False)
    presence.show(is_stopping=True)
    row = WorkerProcess.objects.get()
    assert (row.jobs_done, bool(row.stopping_at), bool(row.ended_at)) == (7, True, False)
    presence.end()
    assert WorkerProcess.objects.get().ended_at


@pytest.mark.django_db
def test_a_worker_that_starts_takes_the_place_of_its_name() -> None:
    Presence("w1", []).begin()
    again = Presence("w1", [])
    WorkerProcess.objects.update(ended_at=Now())
    again.begin()
    assert list(WorkerProcess.objects.values_list("name", "ended_at")) == [("w1", None)]


def test_the_memory_of_a_process_counts_its_children_and_not_what_it_shares() -> None:
    eat = "import subprocess, sys, time; eaten = bytearray(%d << 20); "
    inner = eat % 50 + "time.sleep(60)"
    script = eat % 60 + f"subprocess.run([sys.executable, '-c', {inner!r}])"
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_until(lambda: memory_of_tree(process.pid) > 110 << 20)
        assert memory_of_tree(process.pid) < 200 << 20
        assert memory_of_tree(2**30) == 0
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.wait()


def test_pages_that_a_process_has_in_common_with_the_one_it_was_forked_from_are_not_its_own() -> None:
    eaten = bytearray(b"x") * (60 << 20)
    with horse_of(rows(1), lambda _harness: time.sleep(60)) as horse:
        assert memory_of_tree(horse.pid) < 40 << 20
    assert eaten


def test_no_pipe_is_left_open_when_the_second_one_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    pipes: list[tuple[int, int]] = []
    make = os.pipe

    def second_fails() -> tuple[int, int]:
        if pipes:
            raise OSError("too many open files")
        pipes.append(make())
        return pipes[0]

    monkeypatch.setattr(os, "pipe", second_fails)
    with pytest.raises(OSError, match="too many"):
        Horse.start(rows(1), lambda _harness: None)
    for descriptor in pipes[0]:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)


@pytest.mark.django_db
def test_a_suspended_worker_goes_on_to_show_that_it_lives(worker: Worker, redis: Redis) -> None:
    job = tasks.empty.enqueue()
    dispatch.push([job])
    suspend(redis)
    for _step in range(2):
        assert worker._step(None, None) == 0
    assert WorkerProcess.objects.filter(name=worker.name).exists()
    assert worker.get_state() == "suspended"
    assert redis.llen("rq:queue:critical") == 1


def test_rq_s_command_to_kill_the_work_horse_finds_it(worker: Worker) -> None:
    shift = worker._shift = Shift(worker, [], 0.0)
    with horse_of(rows(1), lambda _harness: time.sleep(60)) as horse:
        shift.horse = horse
        worker.handle_payload({"data": b'{"command": "kill-horse"}'})
        assert shift._end
        assert shift._end.reason == "killed"


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "status"), [(1, JobStatus.FAILED), (2, JobStatus.RETRYING)])
def test_a_small_job_after_a_large_one_is_not_said_to_have_taken_too_much(
    count: int, status: JobStatus, worker: Worker, seat: Seat
) -> None:
    def live(harness: Harness) -> None:
        for _job in range(count - 1):
            harness.take()
            harness.report(Report())
        harness.take()
        os._exit(1)

    claimed = lifecycle.claim_many([tasks.empty.enqueue().pk for _job in range(count)], seat)
    shift = Shift(worker, [], 0.0, memory_mib=1)
    with horse_of(claimed, live) as horse:
        ended = wait_until(lambda: horse.wait(0.01))
        assert ended
        horse.hear()
        shift._settle_lost(horse, *ended)
    lost = Job.objects.get(pk=claimed[-1].pk)
    assert (lost.status, lost.error_code == "too_big") == (status, count == 1)
