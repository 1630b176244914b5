"""Programs under the supervisor: real processes, small ones."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.processes import Program, Supervisor
from tests.support.processes import wait_until


def _program(name: str, code: str, *, stop_phase: int = 1, stop_seconds: float = 5) -> Program:
    return Program(
        name=name,
        command=[sys.executable, "-u", "-c", code],
        environment=dict(os.environ),
        stop_phase=stop_phase,
        stop_seconds=stop_seconds,
    )


class Lines:
    """What the programs wrote, in the order in which it came."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.seen.append((name, line))

    def count(self, name: str, line: str) -> int:
        return self.seen.count((name, line))


def _run_until(supervisor: Supervisor, condition: Callable[[], object]) -> None:
    """Run the supervisor here, in the main thread, until another one sees the condition."""

    def watch() -> None:
        try:
            wait_until(condition)
        finally:
            supervisor.request_stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    supervisor.run()
    watcher.join()


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_every_line_is_passed_on_under_its_program_s_name() -> None:
    lines = Lines()
    forever = "import time\nprint('first', 'é')\nprint('second')\ntime.sleep(60)"
    _run_until(Supervisor([_program("web", forever)], lines), lambda: lines.count("web", "second"))
    assert lines.seen[:2] == [("web", "first é"), ("web", "second")]


def test_a_program_that_dies_is_started_again_within_five_seconds() -> None:
    lines = Lines()
    code = "import os, time\nprint('up')\ntime.sleep(0.05)\nos.kill(os.getpid(), 9)"
    started_at = time.monotonic()
    _run_until(Supervisor([_program("worker", code)], lines), lambda: lines.count("worker", "up") >= 2)
    assert time.monotonic() - started_at < 5


def test_a_program_that_dies_at_once_again_and_again_is_given_longer_pauses() -> None:
    lines = Lines()
    _run_until(
        Supervisor([_program("worker", "print('up')")], lines),
        lambda: lines.count("worker", "ended; starts again in 2 s"),
    )
    pauses = [line for _name, line in lines.seen if line.startswith("ended")]
    assert pauses[:4] == [
        "ended; starts again",
        *(f"ended; starts again in {s} s" for s in ("0.5", "1", "2")),
    ]


def test_programs_end_in_the_order_of_their_phases() -> None:
    lines = Lines()
    code = (
        "import signal, sys, time\n"
        "def end(*_): print('ends'); time.sleep(0.3); print('ended'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\nprint('up')\ntime.sleep(60)"
    )
    programs = [_program("last", code, stop_phase=2), _program("first", code, stop_phase=1)]
    supervisor = Supervisor(programs, lines)
    _run_until(supervisor, lambda: lines.count("first", "up") and lines.count("last", "up"))
    ends = [entry for entry in lines.seen if entry[1] in ("ends", "ended")]
    assert ends == [("first", "ends"), ("first", "ended"), ("last", "ends"), ("last", "ended")]


def test_a_program_that_ignores_the_request_is_killed_after_its_time() -> None:
    lines = Lines()
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\ntime.sleep(60)"
    supervisor = Supervisor([_program("deaf", code, stop_seconds=0.5)], lines)
    _run_until(supervisor, lambda: lines.count("deaf", "up"))
    assert supervisor.pids() == {}


def test_children_of_a_killed_program_are_ended_with_it(tmp_path: Path) -> None:
    lines = Lines()
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    code = (
        "import subprocess, sys, time\n"
        f"print(subprocess.Popen([sys.executable, '-c', {child!r}]).pid)\ntime.sleep(60)"
    )
    _run_until(Supervisor([_program("parent", code)], lines), lambda: lines.seen)
    wait_until(lambda: _is_gone(int(lines.seen[0][1])))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_and_the_former_handler_comes_back(number: signal.Signals) -> None:
    lines = Lines()
    before = signal.getsignal(number)
    supervisor = Supervisor([_program("web", "import time\nprint('up')\ntime.sleep(60)")], lines)

    def send() -> None:
        wait_until(lambda: lines.count("web", "up"))
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    supervisor.run()
    sender.join()
    assert (supervisor.pids(), signal.getsignal(number)) == ({}, before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_programs_end_when_the_supervisor_itself_is_killed() -> None:
    code = (
        "import os, sys\nfrom config.processes import Program, Supervisor\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "child = Program('child', command, dict(os.environ), 1, 5)\n"
        "def watch():\n    print(supervisor.pids()['child'], flush=True)\n    os.kill(os.getpid(), 9)\n"
        "supervisor = Supervisor([child], lambda name, line: None, watch=watch)\nsupervisor.run()"
    )
    lines = Lines()
    _run_until(Supervisor([_program("inner", code)], lines), lambda: lines.seen)
    wait_until(lambda: _is_gone(int(lines.seen[0][1])))


def test_a_line_without_end_does_not_grow_without_bound() -> None:
    lines = Lines()
    code = "import time\nprint('x' * 300_000, flush=True)\nprint('done')\ntime.sleep(60)"
    _run_until(Supervisor([_program("long", code)], lines), lambda: lines.count("long", "done"))
    assert max(len(line) for _name, line in lines.seen) <= 2 * 64 * 1024
