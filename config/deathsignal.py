"""A child process that does not outlive its parent."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: a forked child must not take the loader's lock.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_this_process() -> Callable[[], None]:
    """A `preexec_fn` after which the kernel ends the child with SIGTERM when this process is gone.

    Only Linux can. The kernel means the parent's thread, so children are started from the main thread.
    """
    parent = os.getpid()

    def between_fork_and_exec() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have gone before the call above.
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return between_fork_and_exec
