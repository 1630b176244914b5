"""What a real worker shows to the outside: the probe of its container."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from jobs.processes import DISPATCHER_NAME
from tests.support.processes import Site, WorkerProcess, wait_until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="processes have names on Linux"),
]


def probe(site: Site) -> int:
    """The exit status of a container's probe."""
    command = [sys.executable, "manage.py", "worker_health"]
    return subprocess.run(command, env=site.environment(), capture_output=True, check=False).returncode


def dispatchers_of(worker: WorkerProcess) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(worker.pid).children()
        return [child for child in children if child.name() == DISPATCHER_NAME]
    return []


def test_a_container_s_probe_follows_its_worker(site: Site) -> None:
    assert probe(site) == 1
    worker = site.worker()
    wait_until(lambda: probe(site) == 0, what="a good probe")
    # Its parent, frozen, can start no other one.
    os.kill(worker.pid, signal.SIGSTOP)
    [dispatcher] = wait_until(lambda: dispatchers_of(worker))
    dispatcher.kill()
    try:
        wait_until(lambda: dispatcher.status() == psutil.STATUS_ZOMBIE, what="the dispatcher's end")
        assert probe(site) == 1
    finally:
        os.kill(worker.pid, signal.SIGCONT)
    wait_until(lambda: probe(site) == 0, what="another dispatcher")
    worker.kill_all()
    assert probe(site) == 1
