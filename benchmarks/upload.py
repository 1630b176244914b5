"""How long an upload's answer takes beside its transfer, with Redis there, refusing and frozen.

`python -m benchmarks.upload [COUNT]`: the whole site on SQLite, a 100 MB file by `POST /api/validations` over a
loopback socket, COUNT times (60) for each state of Redis and a few times through Django's own handler. Measured
from the last byte handed to the kernel to the first byte of the answer, which includes what the socket buffers
still held. The floor is writing the same bytes to a file on the same disk, between the uploads.
"""

import math
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

COUNT = 60
STOCK_COUNT = 10
SIZE_MB = 100
BOUNDARY = "bordereau-benchmark"
_LINE = "0123456789;2026-01-31;8875;TREM 0000 0000;12,50;A;B;C;D;E;F;G\r\n".encode("latin-1")
_PIECE = _LINE * (10**6 // len(_LINE))
_HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n'
    "Content-Type: text/csv\r\n\r\n"
).encode()
_TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
_OURS = ("config.asgi:application",)
_STOCK = ("django.core.asgi:get_asgi_application", "--factory")


@dataclass(slots=True)
class Times:
    """What some uploads took, in seconds."""

    beside: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory(prefix="bench-upload-") as name:
        folder = Path(name)
        with _redis(folder) as redis:
            key = _prepare(folder)
            _measure("Django's own handler", folder, key, STOCK_COUNT, _STOCK)
            _measure("Redis there", folder, key, count, _OURS)
            redis.send_signal(signal.SIGSTOP)
            _measure("Redis frozen", folder, key, count, _OURS)
            redis.send_signal(signal.SIGCONT)
        _measure("Redis refused", folder, key, count, _OURS)


def _measure(name: str, folder: Path, key: str, count: int, application: tuple[str, ...]) -> None:
    times = Times()
    with _site(folder, application) as (port, process):
        _upload(port, key, Times())  # the first one loads and connects
        for _number in range(count):
            _upload(port, key, times)
            for stored in (folder / "media").rglob("*.csv"):
                stored.unlink()
            times.floor.append(_write(folder / "floor"))
        peak_mb = _peak_mb(process.pid)
    print(f"{name}: {count} uploads of {SIZE_MB} MB")
    print(f"  beside the transfer: p50 {_percentile(times.beside, 50)}, p99 {_percentile(times.beside, 99)}")
    print(f"  whole upload: p50 {_percentile(times.whole, 50)}, p99 {_percentile(times.whole, 99)}")
    ratio = sum(times.whole) / sum(times.floor)
    print(f"  writing the same bytes: p50 {_percentile(times.floor, 50)}; whole upload / that: {ratio:.2f}")
    print(f"  web process: {peak_mb:.0f} MiB peak")


def _percentile(seconds: list[float], percent: int) -> str:
    return f"{sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1] * 1000:.0f} ms"


def _upload(port: int, key: str, times: Times) -> None:
    length = len(_HEAD) + SIZE_MB * len(_PIECE) + len(_TAIL)
    head = (
        f"POST /api/validations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        started = time.perf_counter()
        connection.sendall(head.encode() + _HEAD)
        for _number in range(SIZE_MB):
            connection.sendall(_PIECE)
        connection.sendall(_TAIL)
        sent = time.perf_counter()
        answer = connection.recv(65536)
        answered = time.perf_counter()
    if b" 202 " not in answer:
        raise RuntimeError(answer.decode(errors="replace"))
    times.beside.append(answered - sent)
    times.whole.append(answered - started)


def _write(path: Path) -> float:
    started = time.perf_counter()
    with path.open("wb") as file:
        for _number in range(SIZE_MB):
            file.write(_PIECE)
    seconds = time.perf_counter() - started
    path.unlink()
    return seconds


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "REDIS_URL": f"unix://{folder / 'redis.sock'}",
        "MEDIA_ROOT": str(folder / "media"),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "LOG_LEVEL": "CRITICAL",
    }


def _prepare(folder: Path) -> str:
    """A migrated database and the API key of its only organization."""
    environment = _environment(folder)
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=environment, check=True)
    seeded = subprocess.run(
        [sys.executable, "-m", "benchmarks.upload", "seed"], env=environment, check=True, capture_output=True
    )
    return seeded.stdout.decode().strip()


def _seed() -> None:
    import django

    django.setup()
    from organizations import keys
    from organizations.models import Membership, Organization, User
    from organizations.roles import RoleKey

    organization = Organization.objects.create(name="Bench", slug="bench", daily_upload_limit=10**6)
    user = User.objects.create_user(email="bench@example.com", password=secrets.token_urlsafe())
    Membership.unscoped.create(organization=organization, user=user, role=RoleKey.OWNER)
    print(keys.issue(organization=organization, user=user, name="bench").secret)


@contextmanager
def _redis(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A Redis server of its own, killed in the end."""
    from config.embedded_redis import server_binary

    path = folder / "redis.sock"
    arguments = [str(server_binary()), "--port", "0", "--unixsocket", str(path), "--save", ""]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    try:
        while not path.exists():
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.wait()
        path.unlink(missing_ok=True)


@contextmanager
def _site(folder: Path, application: tuple[str, ...]) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The site in a process of its own: its port and its process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = ["--fd", str(listener.fileno()), "--no-access-log", "--log-level", "critical"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *application, *options],
            env=_environment(folder),
            pass_fds=[listener.fileno()],
        )
        try:
            yield listener.getsockname()[1], process
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["seed"]:
        _seed()
    else:
        main()
