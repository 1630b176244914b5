"""Redis is there, takes what is written, and is fast."""

import statistics
import time
import uuid
from collections.abc import Iterator
from itertools import takewhile

from django.conf import settings

from jobs.doctor import Examination, Finding, check, error, ok, warning
from jobs.failfast import REDIS_ERRORS, connection

# RQ asks for it.
OLDEST_VERSION = (5, 0)
SLOW_MS, VERY_SLOW_MS = 5.0, 100.0
_ROUNDS = 20


@check("redis")
def look_at_redis(examination: Examination) -> Iterator[Finding]:
    """Redis answers, takes and gives back a value, and is new and fast enough."""
    redis = connection()
    address = settings.REDIS_URL
    try:
        redis.ping()
        version = str(redis.info("server")["redis_version"])
    except REDIS_ERRORS as problem:
        yield error(
            f"{address} does not answer: {type(problem).__name__}: {problem}",
            "No job starts while Redis is away. Uploads are accepted and wait in the database.",
            "Start Redis, or set REDIS_URL to where it is.",
        )
        return
    yield ok(f"{address} answers (version {version})")
    if _numbers(version) < OLDEST_VERSION:
        yield error(f"Its version is {version}.", "RQ needs at least 5.0.", "Install a newer Redis.")
    yield from _write_and_read()
    yield _latency()


def _numbers(version: str) -> tuple[int, ...]:
    parts = takewhile(str.isdecimal, version.split("."))
    return tuple(int(part) for part in parts)


def _write_and_read() -> Iterator[Finding]:
    redis = connection()
    key, value = f"jobs:doctor:{uuid.uuid4()}", uuid.uuid4().bytes
    try:
        redis.set(key, value, ex=60)
        same = redis.get(key) == value
        redis.delete(key)
    except REDIS_ERRORS as problem:
        yield error(
            f"A value could not be written: {type(problem).__name__}: {problem}",
            "Redis is full, a read-only copy, or the user of REDIS_URL may not write: no job starts.",
            "Give it memory, point REDIS_URL at the primary, or allow the user SET, GET, DEL and lists.",
        )
        return
    if same:
        yield ok("SET and GET work")
    else:
        yield error(
            "A value that was written came back differently.",
            "Something between here and Redis is broken.",
            "Look for a proxy.",
        )


def _latency() -> Finding:
    redis = connection()
    spent = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        redis.ping()
        spent.append((time.perf_counter() - began) * 1000)
    median = statistics.median(spent)
    seen = f"A round trip takes {median:.1f} ms (median of {_ROUNDS}, longest {max(spent):.1f} ms)"
    why = "Every pick-up of a job waits for several round trips."
    action = "Look at the load of Redis (SLOWLOG GET) and at the network between."
    if median > VERY_SLOW_MS:
        return error(seen, why, action)
    return warning(seen, why, action) if median > SLOW_MS else ok(seen)
