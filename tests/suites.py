"""`make test`: the whole suite on every pair of database and Redis that answers on this machine.

SQLite with an embedded Redis always runs. PostgreSQL with a Redis server, and the tests that drive a browser,
run where those are found; where not, a line says so, and under CI that is a failure.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Django makes a database of its own beside the named one; nothing is written into this one.
DEFAULT_POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
# A database number of its own: what else uses the server stays as it is.
DEFAULT_REDIS = "redis://127.0.0.1:6379/9"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Each process has a database and an embedded Redis of its own; more of them than cores only wait.
PROCESSES = max(1, min(os.cpu_count() or 1, 4))
# What pytest answers when every test was deselected.
_NO_TESTS = 5


@dataclass(frozen=True, slots=True)
class Suite:
    """One call of pytest: what it is called, what it selects, what it runs on."""

    name: str
    arguments: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    # A sentence when something it needs is missing here.
    missing: str = ""


def answers(url: str) -> bool:
    """Whether something listens at the address."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=2):
            return True
    except OSError:
        return False


def suites() -> list[Suite]:
    """The calls of pytest in the order in which they run."""
    embedded = {"DATABASE_URL": "", "REDIS_URL": ""}
    postgres = os.environ.get("TEST_DATABASE_URL", DEFAULT_POSTGRES)
    redis = os.environ.get("TEST_REDIS_URL", DEFAULT_REDIS)
    absent = [name for name, url in (("PostgreSQL", postgres), ("Redis", redis)) if not answers(url)]
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    parallel = ["-n", str(PROCESSES), "--dist", "worksteal"] if PROCESSES > 1 else []
    fast = [*parallel, "-m", "not (acceptance or browser)"]
    return [
        Suite("SQLite, embedded Redis", fast, embedded),
        Suite(
            "PostgreSQL, Redis server",
            # The engine knows neither database nor Redis, and has just passed.
            [*fast, "--ignore", "tests/validations/engine"],
            {"DATABASE_URL": postgres, "REDIS_URL": redis},
            missing=f"no answer from {' and '.join(absent)}" if absent else "",
        ),
        # One at a time: processes that are killed and timed would measure each other. Each test chooses its
        # database and starts its Redis; the address only tells where PostgreSQL is.
        Suite(
            "Real processes, on both databases",
            ["-m", "acceptance and not browser"],
            {"DATABASE_URL": "" if "PostgreSQL" in absent else postgres, "REDIS_URL": ""},
        ),
        Suite(
            "Browser",
            ["-m", "browser"],
            {**embedded, "CHROMIUM": browser or ""},
            missing="" if browser else f"none of {', '.join(BROWSERS)} is installed",
        ),
    ]


def run(suite: Suite, extra: Sequence[str]) -> str:
    """How the suite ended: passed, failed, or why it did not run."""
    print(f"\n=== {suite.name} " + "=" * max(0, 90 - len(suite.name)), flush=True)
    if suite.missing:
        print(f"Not run: {suite.missing}.", flush=True)
        return f"not run: {suite.missing}"
    started_at = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", *suite.arguments, *extra]
    status = subprocess.run(command, env=os.environ | suite.environment, check=False).returncode
    seconds = time.monotonic() - started_at
    if status == _NO_TESTS:
        return "no test selected"
    return f"{'passed' if status == 0 else 'failed'} in {seconds:.0f} s"


def main() -> int:
    """0 when every suite that had to run passed; further arguments go to pytest."""
    results = [(suite.name, run(suite, sys.argv[1:])) for suite in suites()]
    print("\n=== Summary " + "=" * 83)
    for name, result in results:
        print(f"{name:<40} {result}")
    bad = [result for _name, result in results if result.startswith("failed")]
    if os.environ.get("CI"):
        bad += [result for _name, result in results if result.startswith("not run")]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
