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
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


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

    What a process shares with others, its parent's memory for one, is not counted.
    """
    own = 0
    for each in (pid, *_descendants(pid)):
        with contextlib.suppress(OSError, ValueError, IndexError):
            _size, resident, shared, *_rest = Path(f"/proc/{each}/statm").read_text().split()
            own += (int(resident) - int(shared)) * _PAGE_BYTES
    return own


def _descendants(pid: int) -> Iterator[int]:
    """Those that the main threads of processes started; a thread of a task that starts processes is seldom."""
    with contextlib.suppress(OSError, ValueError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from _descendants(int(child))
