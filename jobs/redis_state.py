"""How Redis is: what probes, alerts, metrics, `doctor` and the start-up checks ask it, in one look."""

import time
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis, RedisError
from redis.exceptions import ResponseError

from jobs import dispatch
from jobs.failfast import REDIS_ERRORS, connection
from jobs.transport import QUARANTINE_KEY

# The only policy under which Redis deletes nothing that was put into a queue.
SAFE_POLICY = "noeviction"


@dataclass(frozen=True, slots=True)
class RedisState:
    """One look at Redis; what could not be learned is None."""

    answers: bool
    # One that is full, or a read-only copy, answers and takes nothing.
    takes_writes: bool = False
    # The class of the error when it does not answer or takes nothing; never its text.
    trouble: str = ""
    latency_ms: float | None = None
    version: str = ""
    role: str = ""
    policy: str | None = None
    used_bytes: int | None = None
    # 0 is no limit.
    limit_bytes: int | None = None
    # Whether anything is written to disk: an append-only file or snapshots.
    persists: bool | None = None
    # Whether the last write to disk went well.
    disk_ok: bool | None = None
    clients: int | None = None
    clients_limit: int | None = None
    quarantined: int | None = None
    # Of Redis's own clock, in seconds since 1970.
    clock: float | None = None

    @property
    def word(self) -> str:
        """`ok`, `read_only` when it answers and takes nothing, or `away`."""
        if not self.answers:
            return "away"
        return "ok" if self.takes_writes else "read_only"


def look(redis: Redis | None = None) -> RedisState:
    """How Redis is now; never raises, and waits no longer than a request may."""
    redis = redis or connection()
    try:
        return _look(redis)
    except REDIS_ERRORS as error:
        return RedisState(answers=False, trouble=type(error).__name__)


def _look(redis: Redis) -> RedisState:
    redis.ping()
    began = time.perf_counter()
    redis.ping()
    latency_ms = (time.perf_counter() - began) * 1000
    info: dict[str, Any] = redis.info()
    trouble = _write_trouble(redis)
    seconds, microseconds = redis.time()
    return RedisState(
        answers=True,
        takes_writes=not trouble,
        trouble=trouble,
        latency_ms=latency_ms,
        version=str(info.get("redis_version", "")),
        role=str(info.get("role", "")),
        policy=_text(info.get("maxmemory_policy")),
        used_bytes=_number(info.get("used_memory")),
        limit_bytes=_number(info.get("maxmemory")),
        persists=_persists(redis, info),
        disk_ok=_disk_ok(info),
        clients=_number(info.get("connected_clients")),
        clients_limit=_number(info.get("maxclients")),
        quarantined=int(redis.llen(QUARANTINE_KEY)),
        clock=seconds + microseconds / 1e6,
    )


def _write_trouble(redis: Redis) -> str:
    """The class of the error that a small write meets, or an empty string."""
    try:
        redis.set(dispatch.BEAT_KEY, repr(time.time()))
    except RedisError as error:
        return type(error).__name__
    return ""


def _persists(redis: Redis, info: dict[str, Any]) -> bool | None:
    if info.get("aof_enabled"):
        return True
    try:
        saves = cast(dict[str, str], redis.config_get("save"))
    except ResponseError:
        # Hosted servers hide their settings.
        return None
    return bool(saves.get("save"))


def _disk_ok(info: dict[str, Any]) -> bool | None:
    states = [info.get("rdb_last_bgsave_status")]
    if info.get("aof_enabled"):
        states.append(info.get("aof_last_write_status"))
    known = [state for state in states if state is not None]
    return all(state == "ok" for state in known) if known else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
