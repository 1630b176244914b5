"""What stands in Redis, read without trusting or changing it.

RQ's own objects clean up registries while they are read, and stop at a hash that is not as they expect. Here every key
is read as it is, in few round trips, and values are weighed before they are fetched.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.registry import (
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.utils import str_to_date
from rq.worker.base import BaseWorker
from rq.worker_registration import REDIS_WORKER_KEYS

from jobs import dispatch
from jobs.models import Job
from jobs.transport import QUARANTINE_KEY, BadHintError, HintJob

# State -> the sorted set that holds its ids; "queued" is a list and stands apart.
REGISTRIES: dict[str, str] = {
    "started": StartedJobRegistry.key_template,
    "finished": FinishedJobRegistry.key_template,
    "failed": FailedJobRegistry.key_template,
    "scheduled": ScheduledJobRegistry.key_template,
    "deferred": DeferredJobRegistry.key_template,
    "canceled": CanceledJobRegistry.key_template,
}
STATES = ("queued", *REGISTRIES)
PER_PAGE = 50
# Ids removed by one request; the rest is left for the next one, so that no request takes long.
REMOVE_LIMIT = 10_000
BATCH = 500
# A field of a hint that weighs more is not ours, and is not fetched to be shown.
SHOWN_BYTES = 200
_TIMES = ("created_at", "enqueued_at", "started_at", "ended_at")
_SHOWN = (*_TIMES, "status", "origin", "worker_name")
_WORKER_FIELDS = (
    "state", "hostname", "pid", "queues", "birth", "last_heartbeat", "current_job",
    "successful_job_count", "failed_job_count", "version", "python_version",
)  # fmt: skip


# What RQ takes for an id; whatever else was written into a queue has no page of its own.
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as it registered itself in Redis."""

    name: str
    state: str
    hostname: str
    pid: str
    queues: tuple[str, ...]
    birth: datetime | None
    last_heartbeat: datetime | None
    current_job: str
    successful: str
    failed: str
    versions: str


@dataclass(slots=True)
class QueueView:
    """How many ids stand where in one queue."""

    name: str
    counts: dict[str, int]
    oldest_at: datetime | None = None
    workers: int = 0


@dataclass(slots=True)
class Hint:
    """One id that stands in Redis, with what its hash says and the row that is the truth."""

    id: str
    # Empty, "missing" (no hash) or "foreign" (not written by this project).
    problem: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    times: dict[str, datetime | None] = field(default_factory=dict)
    job: Job | None = None

    @property
    def has_page(self) -> bool:
        """Whether the id can stand in an address."""
        return bool(_ID.fullmatch(self.id))

    @property
    def status(self) -> str:
        """RQ's word for where the hint stands."""
        return self.fields.get("status", "")


def registry_key(queue: str, state: str) -> str:
    """The key of the sorted set of a state."""
    return REGISTRIES[state].format(queue)


def queue_names() -> list[str]:
    """The declared queues, by urgency."""
    return [queue.name for queue in settings.JOBS_QUEUES]


def overview() -> list[QueueView]:
    """Every declared queue with its counts.

    Raises: RedisError when Redis does not answer.
    """
    queues = queues_view(queue_names())
    at_work = workers()
    for queue in queues:
        queue.workers = sum(queue.name in worker.queues for worker in at_work)
    return queues


def queues_view(names: Sequence[str]) -> list[QueueView]:
    """The queues with their counts, read in two round trips."""
    redis = dispatch.connection()
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.llen(dispatch.key_of(name))
            for state in REGISTRIES:
                pipeline.zcard(registry_key(name, state))
            pipeline.lindex(dispatch.key_of(name), 0)
        answers = pipeline.execute(raise_on_error=False)
    width = len(STATES) + 1
    rows = [answers[start : start + width] for start in range(0, len(answers), width)]
    oldest = hints([text_of(row[-1]) for row in rows])
    return [
        QueueView(
            name=name,
            counts={state: _number(count) for state, count in zip(STATES, row, strict=False)},
            oldest_at=hint.times.get("enqueued_at"),
        )
        for name, row, hint in zip(names, rows, oldest, strict=True)
    ]


def page(queue: str, state: str, number: int) -> tuple[int, list[Hint]]:
    """How many ids stand there, and one page of them, newest first in the registries."""
    redis = dispatch.connection()
    start = (number - 1) * PER_PAGE
    with redis.pipeline(transaction=False) as pipeline:
        if state == "queued":
            pipeline.llen(dispatch.key_of(queue))
            pipeline.lrange(dispatch.key_of(queue), start, start + PER_PAGE - 1)
        else:
            key = registry_key(queue, state)
            pipeline.zcard(key)
            pipeline.zrevrange(key, start, start + PER_PAGE - 1)
        total, members = pipeline.execute(raise_on_error=False)
    raw_ids = members if isinstance(members, list) else []
    # A started entry is "<job>:<execution>".
    return _number(total), with_rows(hints([text_of(raw).partition(":")[0] for raw in raw_ids]))


def hints(ids: Sequence[str]) -> list[Hint]:
    """What the hashes of these ids say; fields that are too heavy are left out."""
    redis = dispatch.connection()
    with redis.pipeline(transaction=False) as pipeline:
        for id_ in ids:
            for name in _SHOWN:
                pipeline.hstrlen(HintJob.key_for(id_), name)
        sizes = pipeline.execute(raise_on_error=False)
    width = len(_SHOWN)
    light = [
        [
            name
            for name, size in zip(_SHOWN, sizes[i * width : (i + 1) * width], strict=True)
            if _is_light(size)
        ]
        for i in range(len(ids))
    ]
    with redis.pipeline(transaction=False) as pipeline:
        for id_, names in zip(ids, light, strict=True):
            pipeline.hmget(HintJob.key_for(id_), names or ["status"])
        values = pipeline.execute(raise_on_error=False)
    return [_hint(id_, names, row) for id_, names, row in zip(ids, light, values, strict=True)]


def _hint(id_: str, names: Sequence[str], values: Any) -> Hint:
    if not isinstance(values, list):
        return Hint(id_, problem="foreign")
    fields = {name: text_of(value) for name, value in zip(names, values, strict=False) if value is not None}
    hint = Hint(id_, fields=fields, problem="" if fields else "missing")
    for name in _TIMES:
        hint.times[name], good = _time(fields.get(name, ""))
        hint.problem = hint.problem if good else "foreign"
    return hint


def with_rows(found: list[Hint]) -> list[Hint]:
    """The hints, each with its row where there is one."""
    keys = [key for hint in found if (key := uuid_or_none(hint.id))]
    rows = Job.objects.defer("arguments", "result", "error_params").in_bulk(keys)
    for hint in found:
        key = uuid_or_none(hint.id)
        hint.job = rows.get(key) if key else None
    return found


def one(id_: str) -> Hint:
    """One hint with its row, its hash compared with the form that this project writes."""
    hint = with_rows(hints([id_]))[0]
    try:
        HintJob.fetch(id_, connection=dispatch.connection())
    except BadHintError:
        hint.problem = "foreign"
    except (NoSuchJobError, ValueError):
        hint.problem = hint.problem or "missing"
    return hint


def places(queue: str, id_: str) -> list[str]:
    """The states in which an id stands in a queue."""
    redis = dispatch.connection()
    member = _started(redis, queue).get(id_, id_)
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.lpos(dispatch.key_of(queue), id_)
        for state in REGISTRIES:
            pipeline.zscore(registry_key(queue, state), member if state == "started" else id_)
        answers = pipeline.execute(raise_on_error=False)
    return [
        state
        for state, answer in zip(STATES, answers, strict=True)
        if answer is not None and not isinstance(answer, Exception)
    ]


def _started(redis: Redis, queue: str) -> dict[str, Any]:
    """Job id -> member of the started registry, which has the execution's id in it too."""
    members = redis.zrange(registry_key(queue, "started"), 0, BATCH - 1)
    return {text_of(member).partition(":")[0]: member for member in members}


def workers() -> list[WorkerView]:
    """The workers that Redis knows, by name; an entry whose hash is gone is a worker that is gone."""
    redis = dispatch.connection()
    keys = sorted(text_of(key) for key in redis.smembers(REDIS_WORKER_KEYS))
    with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, _WORKER_FIELDS)
        rows = pipeline.execute(raise_on_error=False)
    return [
        _worker(key, row) for key, row in zip(keys, rows, strict=True) if isinstance(row, list) and any(row)
    ]


def _worker(key: str, row: Sequence[Any]) -> WorkerView:
    said = {name: text_of(value)[:SHOWN_BYTES] for name, value in zip(_WORKER_FIELDS, row, strict=True)}
    return WorkerView(
        name=key.removeprefix(BaseWorker.redis_worker_namespace_prefix),
        state=said["state"],
        hostname=said["hostname"],
        pid=said["pid"],
        queues=tuple(filter(None, text_of(row[_WORKER_FIELDS.index("queues")]).split(","))),
        birth=_time(said["birth"])[0],
        last_heartbeat=_time(said["last_heartbeat"])[0],
        current_job=said["current_job"],
        successful=said["successful_job_count"] or "0",
        failed=said["failed_job_count"] or "0",
        versions=f"RQ {said['version']}, Python {said['python_version'].partition(' ')[0]}",
    )


def server() -> dict[str, Any]:
    """What an operator has to know of the Redis server; a value it does not tell is left out."""
    # Not by `redis_state.look`, which writes: opening a page changes nothing in Redis.
    redis = dispatch.connection()
    info = redis.info()
    return {
        "version": info.get("redis_version", ""),
        "memory": info.get("used_memory_human", ""),
        "policy": info.get("maxmemory_policy", ""),
        "append_only": bool(info.get("aof_enabled")),
        "quarantined": redis.llen(QUARANTINE_KEY),
    }


def remove(queue: str, ids: Sequence[str]) -> int:
    """How many of the ids were taken out of Redis; their rows stay, and what still has to run is sent again."""
    redis = dispatch.connection()
    started = _started(redis, queue)
    with redis.pipeline(transaction=False) as pipeline:
        for id_ in ids:
            pipeline.unlink(HintJob.key_for(id_))
            pipeline.lrem(dispatch.key_of(queue), 0, id_)
            for state in REGISTRIES:
                pipeline.zrem(
                    registry_key(queue, state), started.get(id_, id_) if state == "started" else id_
                )
        answers = pipeline.execute(raise_on_error=False)
    width = len(STATES) + 1
    return sum(
        any(isinstance(answer, int) and answer > 0 for answer in answers[start : start + width])
        for start in range(0, len(answers), width)
    )


def clear(queue: str, state: str) -> int:
    """How many ids were taken out of one state of a queue, up to REMOVE_LIMIT."""
    redis = dispatch.connection()
    removed = 0
    while removed < REMOVE_LIMIT:
        batch = _pop(redis, queue, state)
        if not batch:
            break
        redis.unlink(*(HintJob.key_for(text_of(raw).partition(":")[0]) for raw in batch))
        removed += len(batch)
    return removed


def _pop(redis: Redis, queue: str, state: str) -> list[Any]:
    if state == "queued":
        return list(redis.lpop(dispatch.key_of(queue), BATCH) or [])
    popped: Any = redis.zpopmin(registry_key(queue, state), BATCH)
    return [member for member, _score in popped]


def uuid_or_none(text: str) -> UUID | None:
    """The UUID in a text, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _is_light(size: Any) -> bool:
    return isinstance(size, int) and 0 < size <= SHOWN_BYTES


def _number(answer: Any) -> int:
    return answer if isinstance(answer, int) else 0


def text_of(raw: Any) -> str:
    """What Redis answered, as text; bytes that are none are marked."""
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw or "")


def _time(text: str) -> tuple[datetime | None, bool]:
    """The time written in a field, and whether the field is as it should be."""
    try:
        return (str_to_date(text.encode()) if text else None), True
    except (ValueError, TypeError, OverflowError):
        return None, False
