"""`manage.py worker_health`: what a container's probe is told."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import psutil
import pytest
from django.core.management import call_command
from django.db import OperationalError

from jobs import processes
from jobs.models import WorkerProcess
from jobs.moments import database_now
from tests.support.platform import living_worker
from tests.support.processes import wait_until

pytestmark = pytest.mark.django_db

HERE = socket.gethostname()


@pytest.fixture
def dispatcher() -> Iterator[int]:
    """A child of this process that goes by the name of a dispatcher."""
    pid = os.fork()
    if not pid:
        processes.call_this(processes.DISPATCHER_NAME)
        time.sleep(60)
        os._exit(0)
    wait_until(lambda: psutil.Process(pid).name() == processes.DISPATCHER_NAME, what="its name")
    yield pid
    with suppress(ChildProcessError, ProcessLookupError):
        processes.stop(pid)


def probe(*arguments: str) -> tuple[int, str]:
    """The exit status, and what was said."""
    out = StringIO()
    try:
        call_command("worker_health", *arguments, stdout=out, stderr=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_a_worker_that_was_seen_and_has_a_dispatcher_is_well(dispatcher: int) -> None:
    living_worker("w1", [], host=HERE, pid=os.getpid())
    assert probe() == probe("--name", "w1") == (0, f"1 worker(s) of {HERE} are well.\n")


def test_no_worker_of_this_host_is_a_failure() -> None:
    living_worker("w1", [], host="elsewhere", pid=os.getpid())
    assert probe()[0] == probe("--name", "w1")[0] == 1


def test_a_worker_that_fell_silent_or_ended_is_a_failure(dispatcher: int) -> None:
    worker = living_worker("w1", [], host=HERE, pid=os.getpid())
    WorkerProcess.objects.update(seen_at=database_now() - timedelta(minutes=1))
    assert probe()[0] == 1
    WorkerProcess.objects.update(seen_at=database_now(), ended_at=database_now())
    assert probe("--name", worker.name)[0] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="processes have names on Linux")
def test_a_worker_without_its_dispatcher_is_a_failure_unless_it_stops(dispatcher: int) -> None:
    living_worker("w1", [], host=HERE, pid=os.getpid())
    processes.stop(dispatcher)
    assert probe() == (1, "w1 has no dispatcher.\n")
    WorkerProcess.objects.update(stopping_at=database_now())
    assert probe()[0] == 0


def test_a_worker_whose_process_is_gone_is_a_failure(dispatcher: int) -> None:
    processes.stop(dispatcher)
    living_worker("w1", [], host=HERE, pid=dispatcher)
    assert probe() == (1, "The process of w1 is gone.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="processes have names on Linux")
def test_a_child_that_ends_during_the_look_is_not_taken_for_the_worker(
    dispatcher: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    living_worker("w1", [], host=HERE, pid=os.getpid())
    children = psutil.Process.children

    def with_one_that_is_gone(process: psutil.Process) -> list[psutil.Process]:
        found = children(process)
        gone = psutil.Popen([sys.executable, "-c", ""])
        gone.wait()
        return [gone, *found]

    monkeypatch.setattr(psutil.Process, "children", with_one_that_is_gone)
    assert probe()[0] == 0


def test_without_a_database_nothing_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_fields: Any) -> None:
        raise OperationalError

    monkeypatch.setattr("jobs.census.WorkerProcess.objects.filter", away)
    status, text = probe()
    assert status == 0
    assert "does not answer" in text
