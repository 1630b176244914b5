"""Several child processes kept alive as one: started together, restarted when one dies, ended in order."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from config.deathsignal import end_with_this_process

# A dead child is started again at once, after its next death so much later, then twice as much, and so on: starting
# takes most of the 5 s for which nobody may miss it.
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 4.0
# A child that lived this long had a good start; its next death counts as its first.
STEADY_SECONDS = 30.0
_TICK_SECONDS = 0.2
# A child that writes without line ends must not grow the supervisor.
_LONGEST_LINE_BYTES = 64 * 1024

# Receives the program's name and one line without its end.
Write = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how much time it gets to end."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    # Programs with a lower number are ended first, and are gone before the next number's turn.
    stop_phase: int
    stop_seconds: float
    # Open files that it inherits under their numbers.
    inherited_fds: tuple[int, ...] = ()


@dataclass(slots=True)
class _Child:
    """One program's process, or the wait before its next one."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_due_at: float = 0.0
    deaths: int = 0
    unfinished_line: bytes = field(default=b"", repr=False)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


def _delay_seconds(deaths: int) -> float:
    """The wait before a child is started again that died so often in a row."""
    return min(FIRST_DELAY_SECONDS * 2 ** (deaths - 2), LONGEST_DELAY_SECONDS) if deaths > 1 else 0.0


class Supervisor:
    """Runs programs until it is asked to stop; leaves no process behind.

    Single-threaded: it must run in the main thread, because signals arrive there and because children end
    with the thread that started them. `request_stop` may be called from any thread.
    """

    def __init__(
        self, programs: Sequence[Program], write: Write, *, watch: Callable[[], None] | None = None
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._write = write
        # Called at every tick: for what else must be kept alive.
        self._watch = watch
        self._selector = selectors.DefaultSelector()
        self._stop_requests = 0

    def request_stop(self) -> None:
        """Ask for the end; asked twice, children are killed without their grace time."""
        self._stop_requests += 1

    def run(self) -> None:
        """Start everything, then keep it running until a signal or `request_stop` comes."""
        with self._signals():
            try:
                while not self._stop_requests:
                    for child in self._children:
                        self._keep_alive(child)
                    if self._watch is not None:
                        self._watch()
                    self._pump(_TICK_SECONDS)
            finally:
                self._stop_all()
                self._selector.close()

    def pids(self) -> dict[str, int]:
        """The process id of each program that is running now, by name."""
        return {
            child.program.name: child.process.pid for child in self._children if child.process and child.alive
        }

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C, a service manager's stop and a closed terminal all end the children in order."""

        def ask(_number: int, _frame: FrameType | None) -> None:
            self.request_stop()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, ask) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _keep_alive(self, child: _Child) -> None:
        """Start the child if its time has come; note its death and when to try again."""
        now = time.monotonic()
        if child.alive:
            return
        if child.process is not None:
            self._bury(child)
            child.deaths = 1 if now - child.started_at > STEADY_SECONDS else child.deaths + 1
            delay = _delay_seconds(child.deaths)
            child.start_due_at = now + delay
            self._write(
                child.program.name, f"ended; starts again in {delay:g} s" if delay else "ended; starts again"
            )
        if now >= child.start_due_at:
            self._start(child)

    def _start(self, child: _Child) -> None:
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(
            child.program.command,
            env=child.program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=child.program.inherited_fds,
            # Its own session: Ctrl-C reaches the supervisor only, which then ends the children in order.
            start_new_session=True,
            preexec_fn=end_with_this_process(),  # noqa: PLW1509 -- the supervisor has no other thread that holds a lock
        )
        output = child.process.stdout
        assert output is not None  # noqa: S101 -- a pipe was asked for
        os.set_blocking(output.fileno(), False)
        self._selector.register(output, selectors.EVENT_READ, child)

    def _pump(self, wait_seconds: float) -> None:
        """Pass on what the children wrote, waiting at most so long for something to come."""
        if not self._selector.get_map():
            time.sleep(wait_seconds)
            return
        for key, _events in self._selector.select(wait_seconds):
            if not self._pass_on(key.data, key.fd):
                self._selector.unregister(key.fileobj)

    def _pass_on(self, child: _Child, descriptor: int) -> bool:
        """Whether more may come after the lines that were waiting."""
        try:
            received = os.read(descriptor, _LONGEST_LINE_BYTES)
        except BlockingIOError:
            return True
        *lines, rest = (child.unfinished_line + received).split(b"\n")
        if len(rest) >= _LONGEST_LINE_BYTES or (rest and not received):
            lines, rest = [*lines, rest], b""
        child.unfinished_line = rest
        for line in lines:
            self._write(child.program.name, line.decode(errors="replace").rstrip("\r"))
        return bool(received)

    def _bury(self, child: _Child) -> None:
        """Pass on a dead child's last words, close its pipe and end what is left of its process group."""
        process, child.process = child.process, None
        if process is None or process.stdout is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(KeyError, ValueError):
            # Something outside the group may hold the pipe open and go on writing: what is there now will do.
            self._pass_on(child, process.stdout.fileno())
            self._selector.unregister(process.stdout)
        process.stdout.close()

    def _stop_all(self) -> None:
        """End the children, one stop phase after the other, each within its time."""
        for phase in sorted({child.program.stop_phase for child in self._children}):
            self._stop([child for child in self._children if child.program.stop_phase == phase])

    def _stop(self, children: list[_Child]) -> None:
        asked_at = time.monotonic()
        for child in children:
            if child.process is not None and child.alive:
                child.process.terminate()
        while any(child.alive for child in children):
            self._pump(0.05)
            for child in children:
                late = time.monotonic() - asked_at > child.program.stop_seconds
                if child.process is not None and child.alive and (late or self._stop_requests > 1):
                    with suppress(ProcessLookupError):
                        os.killpg(child.process.pid, signal.SIGKILL)
        for child in children:
            self._bury(child)
