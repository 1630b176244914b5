"""What the operating system has to be told about parents and children."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15

# How a worker's dispatcher is called in `ps` and `top`; at most 15 bytes.
DISPATCHER_NAME = "job-dispatcher"


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends; at once if that has happened already.

    Elsewhere than on Linux there is no such order: there the fence alone keeps a left-over child harmless.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def call_this(name: str) -> None:
    """Have this process go by that name; elsewhere than on Linux it keeps its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def has_ended(pid: int) -> bool:
    """Whether that child has ended; its exit status is collected."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def stop(pid: int) -> None:
    """End that child and wait for it."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def memory_of_tree(pid: int) -> int:
    """Bytes of memory that this process and those it started take for themselves; 0 where that cannot be read.

    What a process shares with others is not counted: what it was forked from has the same pages until one writes.
    """
    return sum(map(_own_memory, (pid, *_descendants(pid))))


def _own_memory(pid: int) -> int:
    """Bytes of the pages that no other process has."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        # In KiB, as "Private_Dirty:   1234 kB".
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024
    return 0


def _descendants(pid: int) -> Iterator[int]:
    """Those that the main threads of processes started; a thread of a task that starts processes is seldom."""
    with contextlib.suppress(OSError, ValueError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from _descendants(int(child))
