"""A work-horse: one process that runs jobs one after the other, and the two pipes between it and its parent.

Through one pipe the parent offers jobs, a byte each. Whoever reads the byte has the job: the work-horse, which then
begins it, or the parent, which takes back what nobody has begun. So there is never a doubt about who has a job, even
after a death. Through the other pipe the work-horse reports each job's end before it reads the next byte; hence at
most one job is begun and not reported, the first one in the order in which they were offered.
"""

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from resource import struct_rusage

from jobs.models import Job
from jobs.runner import Report

logger = logging.getLogger(__name__)

# A job's place among those offered has to fit into one byte.
MOST_JOBS = 250
# Reports of many short jobs are read together: waking the parent for each would cost more than the job.
GATHER_SECONDS = 0.005
# A process that has closed its pipe is about to end: only what the kernel does for that is left.
ENDING_LOOK_SECONDS = 0.0005


class Harness:
    """The two pipes, as the work-horse holds them."""

    def __init__(self, rows: Sequence[Job], offers: int, reports: int) -> None:
        self._rows = rows
        self._offers = offers
        self._reports = reports
        self._place = 0

    def take(self) -> Job | None:
        """The next job, from now on this process's; None when none is left."""
        place = _read_place(self._offers)
        if place is None:
            return None
        self._place = place
        return self._rows[place]

    @property
    def has_more(self) -> bool:
        """Whether others were offered behind the job that was taken last."""
        return self._place + 1 < len(self._rows)

    def report(self, report: Report) -> None:
        """Tell the parent how the job went that was taken last."""
        line = b"%d %s" % (self._place, report.to_line())
        while line:
            line = line[os.write(self._reports, line) :]

    def close(self) -> None:
        """Say that nothing more will be reported."""
        os.close(self._reports)


class Horse:
    """A work-horse as its parent sees it."""

    def __init__(self, pid: int, rows: Sequence[Job], offers: int, reports: int) -> None:
        self.pid = pid
        self.began_at = time.monotonic()
        # When the job that is under way can have begun at the earliest.
        self.free_since = self.began_at
        # Whether any job of it has ended.
        self.has_reported = False
        # By their place: the jobs that are its own or on offer. The first is under way, or about to be.
        self._open = dict(enumerate(rows))
        self._offers = offers
        self._reports = reports
        self._said = b""
        self._pipe_closed = False
        self._ended: tuple[int, struct_rusage] | None = None

    @classmethod
    def start(cls, rows: Sequence[Job], live: Callable[[Harness], None]) -> "Horse":
        """A new process that runs these jobs, the oldest first.

        Raises: OSError when the system has none to give.
        """
        offers, offering = os.pipe()
        try:
            reports, reporting = os.pipe()
        except OSError:
            os.close(offers)
            os.close(offering)
            raise
        os.write(offering, bytes(range(len(rows))))
        # Nothing is offered later on: the end of what is there is the end of the work.
        os.close(offering)
        os.set_blocking(reports, False)
        try:
            pid = os.fork()
        except OSError:
            for descriptor in (offers, reports, reporting):
                os.close(descriptor)
            raise
        if pid == 0:
            try:
                os.setpgrp()
                os.close(reports)
                live(Harness(rows, offers, reporting))
            finally:
                os._exit(1)
        with suppress(OSError):
            # Whoever of the two is first: from here on it can be killed with all that it starts.
            os.setpgid(pid, pid)
        os.close(reporting)
        return cls(pid, rows, offers, reports)

    @property
    def current(self) -> Job | None:
        """The job that is under way, or about to be."""
        return next(iter(self._open.values()), None)

    @property
    def open(self) -> list[Job]:
        """The jobs that are its own or on offer, and not reported, in their order."""
        return list(self._open.values())

    def wait(self, seconds: float) -> tuple[int, struct_rusage] | None:
        """Its exit status and what it used, once it has ended; else None, after that time or when it said something."""
        if self._ended is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            self._ended = (status, usage) if pid else None
        if self._ended:
            return self._ended
        if self._pipe_closed:
            time.sleep(ENDING_LOOK_SECONDS)
        elif select.select([self._reports], [], [], seconds)[0] and len(self._open) > 1:
            time.sleep(GATHER_SECONDS)
        return None

    def hear(self) -> list[tuple[Job, Report]]:
        """The jobs that it has reported since it was last heard, the oldest first."""
        with suppress(BlockingIOError):
            while not self._pipe_closed:
                said = os.read(self._reports, 1 << 20)
                self._pipe_closed = not said
                self._said += said
        *lines, self._said = self._said.split(b"\n")
        return [self._reported(line) for line in lines]

    def _reported(self, line: bytes) -> tuple[Job, Report]:
        place, _space, report = line.partition(b" ")
        self.free_since = time.monotonic()
        self.has_reported = True
        return self._open.pop(int(place)), Report.from_line(report)

    def withdraw(self) -> list[Job]:
        """The jobs on offer that it has not begun, and now never will, in their order."""
        withdrawn = []
        while (place := _read_place(self._offers)) is not None:
            withdrawn.append(self._open.pop(place))
        return withdrawn

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it and every process of its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def put_down(self) -> None:
        """End it, if it has not ended, and close the pipes."""
        if self._ended is None:
            self.kill()
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        os.close(self._offers)
        os.close(self._reports)


def _read_place(offers: int) -> int | None:
    # Every writing end is closed, so that an empty pipe is at its end and nobody waits here.
    place = os.read(offers, 1)
    return place[0] if place else None
