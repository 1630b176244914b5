"""Hints, which are all that stands in Redis: "look at this row", and nothing else.

RQ reads its hashes trustingly: a bad date stops the worker, any function path is imported and called,
callbacks and webhooks are obeyed. Here a hash is compared with the one form that this project writes before
RQ sees it.
"""

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django_rq.queues import DjangoRQ
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError
from rq.exceptions import NoSuchJobError
from rq.job import Job as RQJob
from rq.job import JobStatus as RQStatus
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now, str_to_date

from jobs.models import Job

logger = logging.getLogger(__name__)

# The one function that a hint may name.
RUN_FUNCTION = "jobs.runner.run_job"
# Grows when older workers could not understand a newer hint; they leave such hints to newer ones.
PAYLOAD_VERSION = 1
# RQ's own memory of ended jobs is a convenience of its pages; the history is in the database.
RESULT_TTL_SECONDS = 3600
FAILURE_TTL_SECONDS = 24 * 3600
# What a hint's hash may weigh in all; ours have about 600 bytes.
LARGEST_HASH_BYTES = 4096
LARGEST_DATA_BYTES = 1024

QUARANTINE_KEY = "jobs:quarantine"
QUARANTINE_LENGTH = 1000


class BadHintError(NoSuchJobError):
    """The hash is not one that this project wrote.

    For RQ it does not exist: each of its loops already passes over hashes that are gone.
    """


class NewerHintError(NoSuchJobError):
    """The hint is of a later payload version; its row is sent again until a newer worker takes it."""


class HintJob(RQJob):
    """RQ's view of a job: an id and how to find the row."""

    def __init__(
        self,
        id: str | None = None,  # noqa: A002 -- RQ's name
        connection: Redis | None = None,
        serializer: object = None,
    ) -> None:
        # Whatever the caller says: RQ's default is pickle, which executes what it reads.
        super().__init__(id, connection=connection, serializer=JSONSerializer)

    @classmethod
    def of(cls, job: Job, connection: Redis) -> "HintJob":
        """The hint of a row, not yet stored."""
        hint = cls(str(job.pk), connection=connection)
        hint.data = json.dumps([RUN_FUNCTION, None, [str(job.pk), PAYLOAD_VERSION], {}]).encode()
        hint.origin = job.queue
        hint.description = str(job.pk)
        hint.timeout = job.timeout_seconds
        hint.result_ttl = RESULT_TTL_SECONDS
        hint.failure_ttl = FAILURE_TTL_SECONDS
        hint.enqueued_at = now()
        hint._status = RQStatus.QUEUED
        return hint

    @classmethod
    def fetch_many(
        cls, job_ids: Iterable[str], connection: Redis, serializer: object = None
    ) -> list[RQJob | None]:
        """The hints with these ids; None for each that is missing or not ours."""
        return [cls._fetch_or_none(job_id, connection) for job_id in job_ids]

    @classmethod
    def _fetch_or_none(cls, job_id: str, connection: Redis) -> RQJob | None:
        try:
            return cls.fetch(job_id, connection=connection)
        except (NoSuchJobError, ValueError):
            return None

    def refresh(self) -> None:
        """Read the hash, having weighed it first.

        Raises: BadHintError when it is not one of ours; NoSuchJobError when there is none.
        """
        names = list(_FIELDS)
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                pipeline.hlen(self.key)
                for name in names:
                    pipeline.hstrlen(self.key, name)
                count, *sizes = pipeline.execute()
        except ResponseError as error:
            raise BadHintError("the key holds no hash") from error
        if not count:
            raise NoSuchJobError(f"No such job: {self.key}")
        if sum(sizes) > LARGEST_HASH_BYTES:
            raise BadHintError("the hash is too large")
        values = self.connection.hmget(self.key, names)
        found = {
            name.encode(): cast(bytes, value)
            for name, value in zip(names, values, strict=True)
            if value is not None
        }
        if len(found) < count:
            raise BadHintError("the hash has unknown fields")
        self.restore(found)

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Take over the hash's values, all of them checked.

        Raises: BadHintError when one is not what this project writes.
        """
        if sum(map(len, raw_data.values())) > LARGEST_HASH_BYTES:
            raise BadHintError("the hash is too large")
        for raw_name, value in raw_data.items():
            name = raw_name.decode(errors="replace")
            if name not in _FIELDS:
                raise BadHintError("the hash has unknown fields")
            if not _is_good(_FIELDS[name], value):
                raise BadHintError(f"the field {name} is not as written")
        self._check_data(raw_data.get(b"data", b""))
        super().restore(dict(raw_data))

    def _check_data(self, raw: bytes) -> None:
        try:
            content = json.loads(zlib.decompressobj().decompress(raw, LARGEST_DATA_BYTES))
            function, instance, (job_id, version), named = content
            UUID(job_id)
        except (zlib.error, ValueError, TypeError, AttributeError) as error:
            raise BadHintError("the payload is not JSON of a known shape") from error
        if function != RUN_FUNCTION or instance is not None or named != {}:
            raise BadHintError("the payload names another function")
        if job_id != self.id or type(version) is not int:
            raise BadHintError("the payload is of another job")
        if version > PAYLOAD_VERSION:
            raise NewerHintError(f"payload version {version}")

    @property
    def func(self) -> Any:
        """The one function that a hint runs; no other name is ever imported.

        Raises: BadHintError for any other.
        """
        if self.func_name != RUN_FUNCTION:
            raise BadHintError("the payload names another function")
        return super().func


def _is_good(check: Callable[[bytes], bool], value: bytes) -> bool:
    try:
        return check(value)
    except (ValueError, TypeError, OverflowError):
        return False


def _is_empty(value: bytes) -> bool:
    return value == b""


def _is_date(value: bytes) -> bool:
    return value == b"" or str_to_date(value) is not None


def _is_short_text(value: bytes) -> bool:
    return len(value.decode()) <= 200


def _is_exactly(number: int) -> Callable[[bytes], bool]:
    return lambda value: int(value) == number


# Every field that RQ may write for a hint, each with what it may hold. No callback, webhook, retry or
# lifetime of anybody else is in it.
_FIELDS: dict[str, Callable[[bytes], bool]] = {
    "created_at": _is_date,
    "enqueued_at": _is_date,
    "started_at": _is_date,
    "ended_at": _is_date,
    "last_heartbeat": _is_date,
    "data": lambda value: 0 < len(value) <= LARGEST_DATA_BYTES,
    "origin": _is_short_text,
    "worker_name": _is_short_text,
    "description": lambda value: bool(UUID(value.decode())),
    "status": lambda value: bool(RQStatus(value.decode())),
    "timeout": lambda value: 0 < int(value) <= 7 * 24 * 3600,
    "result_ttl": _is_exactly(RESULT_TTL_SECONDS),
    "failure_ttl": _is_exactly(FAILURE_TTL_SECONDS),
    "group_id": _is_empty,
    "success_callback_name": _is_empty,
    "failure_callback_name": _is_empty,
    "stopped_callback_name": _is_empty,
}


class HintQueue(DjangoRQ):
    """A queue of hints: whatever else is found in it is put aside, and the next one is taken."""

    job_class = HintJob

    def __init__(self, *args: Any, **options: Any) -> None:
        options["serializer"] = JSONSerializer
        options["job_class"] = HintJob
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]  # RQ is typed in part

    @classmethod
    def dequeue_any(
        cls,
        queues: Iterable[Any],
        timeout: int | None,
        connection: Redis,
        job_class: type[RQJob] | None = None,
        serializer: object = None,
        death_penalty_class: type[BaseDeathPenalty] | None = None,
    ) -> tuple[RQJob, Any] | None:
        """The first good hint with its queue; None when there is none and no time-out was given.

        A hint that is popped and then lost with its worker does no harm: its row is found unsent and sent
        again.
        """
        by_key = {queue.key: queue for queue in queues}
        while popped := cls.lpop(list(by_key), timeout, connection=connection):
            raw_key, raw_id = popped
            queue = by_key[raw_key.decode() if isinstance(raw_key, bytes) else raw_key]
            if hint := cls._opened(queue, raw_id, connection):
                return hint, queue
        return None

    @classmethod
    def _opened(cls, queue: Any, raw_id: bytes, connection: Redis) -> RQJob | None:
        try:
            return HintJob.fetch(raw_id.decode(), connection=connection)
        except BadHintError as error:
            quarantine(connection, queue.name, raw_id, str(error))
        except NewerHintError:
            logger.info("A hint of a later version is left to a newer worker", extra={"queue": queue.name})
        except NoSuchJobError:
            # Sent twice and done already, or lost by Redis: the row knows.
            logger.debug("A hint without its hash was passed over", extra={"queue": queue.name})
        except (ValueError, UnicodeError):
            quarantine(connection, queue.name, raw_id, "the id is not one of ours")
        return None


def quarantine(connection: Redis, queue_name: str, raw_id: bytes, reason: str) -> None:
    """Put a bad hint out of every reader's way; its id and the reason are kept for a person to look at."""
    # As shown by repr, cut short: the id came from somebody who should not be able to write there.
    shown_id = ascii(raw_id[:100])
    entry = json.dumps({"id": shown_id, "queue": queue_name, "reason": reason, "at": now().isoformat()})
    with connection.pipeline() as pipeline:
        pipeline.unlink(b"rq:job:" + raw_id)
        pipeline.lpush(QUARANTINE_KEY, entry)
        pipeline.ltrim(QUARANTINE_KEY, 0, QUARANTINE_LENGTH - 1)
        pipeline.execute()
    logger.error("A bad hint was put aside: %s (id %s)", reason, shown_id, extra={"queue": queue_name})


def put(pipeline: Pipeline, queue: HintQueue, job: Job) -> None:
    """Add to the pipeline what makes a row's hint stand in its queue; a repeat overwrites the hash."""
    hint = HintJob.of(job, queue.connection)
    hint.save(pipeline=pipeline)
    # A hash that was kept for RQ's pages after an earlier attempt must not expire under this one.
    pipeline.persist(hint.key)
    pipeline.zrem(queue.failed_job_registry.key, hint.id)
    pipeline.zrem(queue.finished_job_registry.key, hint.id)
    pipeline.sadd(queue.redis_queues_keys, queue.key)
    queue.push_job_id(hint.id, pipeline=pipeline, at_front=job.priority > 0)


def queue_names_of(connection: Redis) -> list[str]:
    """Names of the queues that Redis knows of."""
    return [cast(bytes, key).decode().removeprefix("rq:queue:") for key in connection.smembers("rq:queues")]
