"""Hints, which are all that stands in Redis: "look at this row", and nothing else.

RQ reads its hashes trustingly: a bad date stops the worker, any function path is imported and called,
callbacks and webhooks are obeyed. Here a hash is compared with the one form that this project writes before
RQ sees it.
"""

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
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
        check_payload(raw_data.get(b"data", b""), self.id)
        super().restore(dict(raw_data))

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
        while popped := cls.pop(queues, timeout, connection):
            queue, raw_id = popped
            if hint := queue.opened(raw_id):
                return hint, queue
        return None

    @classmethod
    def pop(
        cls, queues: Iterable["HintQueue"], timeout: int | None, connection: Redis
    ) -> tuple["HintQueue", bytes] | None:
        """The first id in the first queue that has one, unread; None when there is none and no time-out was given.

        Raises: DequeueTimeout when none came in time.
        """
        by_key = {queue.key: queue for queue in queues}
        try:
            popped = cls.lpop(list(by_key), timeout, connection=connection)
        except ResponseError as error:
            if not set_aside_wrong_kinds(connection, by_key.values(), error):
                raise
            return cls.pop(by_key.values(), timeout, connection)
        if not popped:
            return None
        raw_key, raw_id = popped
        return by_key[raw_key.decode() if isinstance(raw_key, bytes) else raw_key], raw_id

    def pop_more(self, count: int) -> list[bytes]:
        """Up to so many further ids, unread."""
        found = self.connection.lpop(self.key, count) if count > 0 else None
        return cast(list[bytes], found or [])

    def opened(self, raw_id: bytes) -> RQJob | None:
        """The hint of that id; None when it is none of ours, which is put aside, or not for this worker."""
        try:
            return HintJob.fetch(raw_id.decode(), connection=self.connection)
        except BadHintError as error:
            quarantine(self.connection, self.name, raw_id, str(error))
        except NewerHintError:
            logger.info("A hint of a later version is left to a newer worker", extra={"queue": self.name})
        except NoSuchJobError:
            # Sent twice and done already, or lost by Redis: the row knows.
            logger.debug("A hint without its hash was passed over", extra={"queue": self.name})
        except (ValueError, UnicodeError):
            quarantine(self.connection, self.name, raw_id, "the id is not one of ours")
        return None

    def opened_ids(self, raw_ids: Sequence[bytes]) -> list[UUID]:
        """The ids among these whose hints are good; those hints are spent by it.

        Of each hash no more is read than the payload, once it is known to be small: the rows say the rest. That
        makes three round trips for any number of ids.
        """
        keys = [_key_of(raw_id) for raw_id in raw_ids]
        sizes = self._asked([("HSTRLEN", key, "data") for key in keys])
        fit = [key for key, size in zip(keys, sizes, strict=True) if _is_payload_size(size)]
        payloads = dict(zip(fit, self._asked([("HGET", key, "data") for key in fit]), strict=True))
        good: list[UUID] = []
        spent: list[bytes] = []
        for raw_id, key, size in zip(raw_ids, keys, sizes, strict=True):
            try:
                job_id = _id_of(raw_id, size, payloads.get(key))
            except BadHintError as error:
                quarantine(self.connection, self.name, raw_id, str(error))
            except NewerHintError:
                logger.info("A hint of a later version is left to a newer worker", extra={"queue": self.name})
            except NoSuchJobError:
                logger.debug("A hint without its hash was passed over", extra={"queue": self.name})
            else:
                good.append(job_id)
                spent.append(key)
        if spent:
            self.connection.unlink(*spent)
        return good

    def _asked(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answer to each command, an error being one too, in one round trip."""
        if not commands:
            return []
        with self.connection.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]  # redis is typed in part
            return pipeline.execute(raise_on_error=False)


def _key_of(raw_id: bytes) -> bytes:
    """The key of a hint's hash, whatever bytes stand for its id."""
    return HintJob.redis_job_namespace_prefix.encode() + raw_id


def _is_payload_size(size: object) -> bool:
    return isinstance(size, int) and 0 < size <= LARGEST_DATA_BYTES


def _id_of(raw_id: bytes, size: object, payload: object) -> UUID:
    """The id of a row, as its payload confirms it.

    Raises: BadHintError, NewerHintError, or NoSuchJobError when there is no hash.
    """
    try:
        job_id = UUID(raw_id.decode())
    except ValueError as error:
        raise BadHintError("the id is not one of ours") from error
    if size == 0:
        raise NoSuchJobError(f"No such job: {job_id}")
    if not isinstance(payload, bytes):
        raise BadHintError("the hash is not as written")
    check_payload(payload, str(job_id))
    return job_id


def check_payload(raw: bytes, job_id: str) -> None:
    """Pass the payload of that job's hint as this version of the project writes and reads it.

    Raises: BadHintError for what it never wrote; NewerHintError for a later version.
    """
    try:
        content = json.loads(zlib.decompressobj().decompress(raw, LARGEST_DATA_BYTES))
        function, instance, (payload_id, version), named = content
        UUID(payload_id)
    except (zlib.error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadHintError("the payload is not JSON of a known shape") from error
    if function != RUN_FUNCTION or instance is not None or named != {}:
        raise BadHintError("the payload names another function")
    if payload_id != job_id or type(version) is not int:
        raise BadHintError("the payload is of another job")
    if version > PAYLOAD_VERSION:
        raise NewerHintError(f"payload version {version}")


def quarantine(connection: Redis, queue_name: str, raw_id: bytes, reason: str) -> None:
    """Put a bad hint out of every reader's way; its id and the reason are kept for a person to look at."""
    # As shown by repr, cut short: the id came from somebody who should not be able to write there.
    shown_id = ascii(raw_id[:100])
    entry = json.dumps({"id": shown_id, "queue": queue_name, "reason": reason, "at": now().isoformat()})
    with connection.pipeline() as pipeline:
        pipeline.unlink(_key_of(raw_id))
        pipeline.lpush(QUARANTINE_KEY, entry)
        pipeline.ltrim(QUARANTINE_KEY, 0, QUARANTINE_LENGTH - 1)
        pipeline.execute()
    logger.error("A bad hint was put aside: %s (id %s)", reason, shown_id, extra={"queue": queue_name})


def set_aside_wrong_kinds(connection: Redis, queues: Iterable[HintQueue], error: ResponseError) -> bool:
    """Whether what Redis refused lay at keys of these queues that hold another kind of thing; they are renamed now.

    One such key would otherwise stop every worker that asks for its queue among others.
    """
    if "WRONGTYPE" not in str(error):
        return False
    kinds: dict[str, bytes] = {}
    for queue in queues:
        kinds |= {queue.key: b"list", queue.redis_queues_keys: b"set"}
        kinds |= dict.fromkeys((queue.failed_job_registry.key, queue.finished_job_registry.key), b"zset")
    wrong = [key for key, kind in kinds.items() if connection.type(key) not in (kind, b"none")]
    for key in wrong:
        with suppress(ResponseError):
            # Unless somebody else was quicker.
            connection.rename(key, f"{QUARANTINE_KEY}:{key}")
        logger.error("A key of the wrong kind was put aside", extra={"queue": key})
    return bool(wrong)


def put(pipeline: Pipeline, queue: HintQueue, jobs: Sequence[Job]) -> None:
    """Add to the pipeline what makes the hints of a queue's rows stand in it; a repeat overwrites the hashes."""
    hints = [HintJob.of(job, queue.connection) for job in jobs]
    for hint in hints:
        hint.save(pipeline=pipeline)
        # A hash that was kept for RQ's pages after an earlier attempt must not expire under this one.
        pipeline.persist(hint.key)
    ids = [hint.id for hint in hints]
    pipeline.zrem(queue.failed_job_registry.key, *ids)
    pipeline.zrem(queue.finished_job_registry.key, *ids)
    pipeline.sadd(queue.redis_queues_keys, queue.key)
    urgent = [hint.id for hint, job in zip(hints, jobs, strict=True) if job.priority > 0]
    others = [hint.id for hint, job in zip(hints, jobs, strict=True) if job.priority <= 0]
    if urgent:
        # In front of what is there, the first of them foremost. Of several pushes the last one goes first.
        pipeline.lpush(queue.key, *reversed(urgent))
    if others:
        pipeline.rpush(queue.key, *others)
