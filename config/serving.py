"""The whole system on one machine: Redis, web and workers under one supervisor."""

import errno
import os
import socket
import sys
import time
from collections.abc import Callable

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from config.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from config.folders import make_secret_key
from config.processes import Program, Supervisor, Write

# A request in flight may end; a live stream is cut, and the browser connects again.
WEB_GRACE_SECONDS = 5
# Uvicorn's own limit plus the time to leave.
WEB_STOP_SECONDS = WEB_GRACE_SECONDS + 5
# A worker hands its running job back within settings.JOBS_STOP_SECONDS; then it leaves.
WORKER_LEAVE_SECONDS = 10
# Queues whose jobs end within this time get a worker of their own, so that mail never waits for a long file.
SHORT_JOB_SECONDS = 60
# Ports tried after the one that was asked for.
PORTS_TRIED = 50
REDIS_WATCH_SECONDS = 2.0
# Requests are not listed: the terminal is for what needs somebody's eyes.
_QUIET = ("--no-access-log", "--log-level", "warning")


class ServingError(Exception):
    """The system cannot be started on this machine; the message says what to do."""


def open_port(host: str, port: int) -> socket.socket:
    """A listening socket on the port, or on the next free one.

    The supervisor holds it: a web process that starts again finds its port, and callers wait meanwhile.

    Raises: ServingError, permanent, when no port of the range is free or the address is not this machine's.
    """
    for candidate in range(port, min(port + PORTS_TRIED, 65536)):
        try:
            return socket.create_server((host, candidate), backlog=1024)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ServingError(f"The site cannot listen on {host}: {error.strerror}.") from error
    raise ServingError(f"No free port on {host} from {port} on; name another with --port.")


def short_queues() -> list[str]:
    """Names of the queues whose jobs all end soon, the most urgent first."""
    return [queue.name for queue in settings.JOBS_QUEUES if queue.timeout_seconds <= SHORT_JOB_SECONDS]


class Site:
    """The site on one machine, from the first migration to the last process's end."""

    def __init__(self, *, host: str, port: int, workers: int, write: Write) -> None:
        self._listener = open_port(host, port)
        self.address = f"http://{host}:{self._listener.getsockname()[1]}"
        self._redis = EmbeddedRedis() if settings.EMBEDDED_REDIS else None
        self._write = write
        self._next_watch_at = 0.0
        self._supervisor = Supervisor(self._programs(workers), write, watch=self._watch_redis)

    def prepare(self, *, seed: Callable[[], object] | None = None) -> None:
        """Bring secret key, Redis and database into the state that the processes need.

        Raises: EmbeddedRedisError, when the project's own Redis does not start.
        """
        make_secret_key()
        if self._redis is not None:
            self._redis.ensure_running()
        call_command("migrate", interactive=False, verbosity=0)
        if seed is not None:
            seed()
        # The children open their own; this process only watches from here on.
        connections.close_all()

    def serve(self) -> None:
        """Run until a signal comes or `stop` is called; web ends first, then the workers, then Redis."""
        try:
            self._supervisor.run()
        finally:
            self.close()

    def stop(self) -> None:
        """Ask for the end; may be called from any thread."""
        self._supervisor.request_stop()

    def close(self) -> None:
        """Give back the port and end the embedded Redis; harmless when done twice."""
        self._listener.close()
        if self._redis is not None:
            self._redis.stop()

    def _watch_redis(self) -> None:
        """Start the embedded Redis again when it is gone; whoever started it.

        One of this process's own is looked at in every tick, since that costs nothing; one that somebody else
        started has to be asked.
        """
        is_ours = self._redis is not None and self._redis.pid is not None
        if self._redis is None or is_ours or time.monotonic() < self._next_watch_at:
            return
        self._next_watch_at = time.monotonic() + REDIS_WATCH_SECONDS
        try:
            if self._redis.revive():
                self._write("redis", "was gone; starts again")
        except EmbeddedRedisError as error:
            self._write("redis", str(error))

    def _programs(self, workers: int) -> list[Program]:
        """Web, one worker for the short queues beside the others, and workers for all queues."""
        names = ["worker"] if workers == 1 else ["short", *(f"worker{n}" for n in range(1, workers))]
        return [self._web(), *(self._worker(name) for name in names)]

    def _web(self) -> Program:
        descriptor = self._listener.fileno()
        options = f"--fd {descriptor} --timeout-graceful-shutdown {WEB_GRACE_SECONDS}"
        return Program(
            name="web",
            command=[sys.executable, "-m", "uvicorn", "config.asgi:application", *options.split(), *_QUIET],
            environment=self._environment(),
            stop_phase=1,
            stop_seconds=WEB_STOP_SECONDS,
            inherited_fds=(descriptor,),
        )

    def _worker(self, name: str) -> Program:
        queues = short_queues() if name == "short" else []
        return Program(
            name=name,
            command=[sys.executable, str(settings.BASE_DIR / "manage.py"), "rqworker", *queues],
            environment=self._environment(),
            stop_phase=2,
            stop_seconds=settings.JOBS_STOP_SECONDS + WORKER_LEAVE_SECONDS,
        )

    def _environment(self) -> dict[str, str]:
        """The machine's own environment; links in mail lead to the port that was found."""
        chosen = {"DJANGO_SETTINGS_MODULE": "config.settings", "SITE_URL": self.address}
        always = {
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(settings.BASE_DIR),
            # A process that starts again must not compile the project again first: that is a third of its start.
            "PYTHONDONTWRITEBYTECODE": "",
        }
        return {**chosen, **os.environ, **always}
