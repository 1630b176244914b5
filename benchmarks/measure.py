"""What a finished child process cost, by the operating system's own account."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process and the children it waited for.

    Units: `peak_bytes` is the largest resident set of a single process.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def run_module(
    module: str, *arguments: str, environment: dict[str, str] | None = None, python: str = sys.executable
) -> Cost:
    """The cost of `python -m module arguments`.

    Raises: RuntimeError when the process fails, with what it printed.
    """
    command = [python, "-m", module, *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(  # wait4 below collects what subprocess would throw away
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    return Cost(
        wall_seconds=time.perf_counter() - started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        output=output,
    )
