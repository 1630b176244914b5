"""What a task may have left behind in its process that the next one there would notice.

Nothing of it is mended: a work-horse that a task has changed ends, and a new one takes what is left.
"""

import gc
import locale
import os
import signal
import threading
import time
from typing import Any

from django.db import connections

_WATCHED_SIGNALS = (signal.SIGALRM, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Traces:
    """The state of the process as it was when this was made."""

    def __init__(self) -> None:
        self._before = _state()

    def are_there(self) -> bool:
        """Whether a task left anything that cannot stay."""
        return _state() != self._before or any(map(_is_in_use, connections.all(initialized_only=True)))


def _state() -> tuple[Any, ...]:
    return (
        threading.active_count(),
        signal.getitimer(signal.ITIMER_REAL),
        [signal.getsignal(number) for number in _WATCHED_SIGNALS],
        locale.setlocale(locale.LC_ALL),
        time.tzname,
        # What it holds inside: a copy by its own means would take longer than many a job.
        os.environ._data.copy(),  # type: ignore[attr-defined]  # noqa: SLF001
        os.getcwd(),  # noqa: PTH109 -- compared, and asked for after every job
        gc.isenabled(),
    )


def _is_in_use(wrapper: Any) -> bool:
    """Whether a transaction was left open, or the connection in another mode."""
    return wrapper.connection is not None and (
        wrapper.in_atomic_block
        or wrapper.needs_rollback
        or not wrapper.autocommit
        or bool(wrapper.run_on_commit)
    )


def reset_sessions() -> None:
    """Take back what a task may have set in its database sessions: variables, locks, temporary tables.

    Raises: DatabaseError when a database does not answer.
    """
    for wrapper in connections.all(initialized_only=True):
        if wrapper.connection is None:
            continue
        if wrapper.vendor == "postgresql":
            with wrapper.cursor() as cursor:
                cursor.execute("DISCARD ALL")
            wrapper.init_connection_state()
        else:
            # A file is opened again in no time.
            wrapper.close()
