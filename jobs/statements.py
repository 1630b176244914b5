"""The statements behind the lifecycle: rows change, and their attempts and timelines with them, as cheaply as can be.

On PostgreSQL each change is one statement and so one round trip: the attempt and the timeline are written by the
same statement, which is a transaction by itself. SQLite cannot write several tables at once; there a change is a
few statements in one transaction, which is alone while it lasts. Claims are in `jobs.admission`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection, models, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from jobs.models import Attempt, AttemptOutcome, Job, JobEvent, JobStatus
from jobs.querysets import columns_of, compiled_update, update_returning

# Rows of one INSERT: large enough to be cheap, small enough to be sent and planned in a moment.
ROWS_AT_ONCE = 2000

_NOTE = (
    "INSERT INTO jobs_jobevent (job_id, at, from_status, to_status, cause, by_id)"
    " SELECT id, STATEMENT_TIMESTAMP(), %s, status, %s, %s::bigint FROM {changed}"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What a change of jobs leaves in their timelines."""

    from_status: str
    cause: str
    by_id: int | None = None

    @property
    def params(self) -> tuple[Any, ...]:
        """The parameters of `_NOTE`."""
        return (self.from_status, self.cause, self.by_id)


@dataclass(frozen=True, slots=True)
class Success:
    """A job that ended well, with what is to be written of it."""

    job_id: UUID
    fence: int
    # Columns of the row, such as its result; of those in _REPORTED.
    job: dict[str, Any]
    # Columns of the attempt, of those in _RECORDED.
    attempt: dict[str, Any]


def in_one_statement() -> bool:
    """Whether the database changes jobs, attempts and timelines by one statement."""
    return connection.vendor == "postgresql"


def change(
    rows: QuerySet[Job], values: dict[str, Any], step: Step, closing: dict[str, Any] | None = None
) -> list[Job]:
    """The rows that this changed, each with an event, and with its attempt closed if that is asked for.

    Shape: `closing` has columns of the attempt.
    """
    if in_one_statement():
        return _change_at_once(rows, values, step, closing)
    with transaction.atomic(savepoint=False):
        changed = update_returning(rows, **values)
        note(changed, step)
        for job in changed if closing else ():
            attempts = Attempt.objects.filter(job_id=job.pk, fence=job.fence)
            attempts.update(**{"ended_at": Now(), **(closing or {})})
    return changed


def _change_at_once(
    rows: QuerySet[Job], values: dict[str, Any], step: Step, closing: dict[str, Any] | None
) -> list[Job]:
    try:
        update, params = compiled_update(rows, values)
    except EmptyResultSet:
        return []
    parts = [
        f"changed AS ({update} RETURNING {columns_of(Job)})",
        f"noted AS ({_NOTE.format(changed='changed')})",
    ]
    params += step.params
    if closing:
        columns, more = _assigned(Attempt, closing)
        ended = "" if "ended_at" in closing else "ended_at = STATEMENT_TIMESTAMP(), "
        parts.append(
            f"closed AS (UPDATE jobs_attempt a SET {ended}{columns}"
            " FROM changed c WHERE a.job_id = c.id AND a.fence = c.fence)"
        )
        params += more
    return read(f"WITH {', '.join(parts)} SELECT {columns_of(Job)} FROM changed", params)


def create(jobs: Sequence[Job], delays: Sequence[timedelta | None], step: Step) -> None:
    """Write the new rows, each with its first event; what the database chose of them stands in them afterwards.

    A queued job counts as sent if its `sent_at` is set to anything.
    """
    with transaction.atomic(savepoint=False):
        for first in range(0, len(jobs), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            if in_one_statement():
                _create_at_once(jobs[some], delays[some], step)
            else:
                _create_apart(jobs[some], delays[some], step)


# Chosen by the database for new rows.
_TIMES = ("created_at", "due_at", "sent_at")


def _create_apart(jobs: Sequence[Job], delays: Sequence[timedelta | None], step: Step) -> None:
    for job, delay in zip(jobs, delays, strict=True):
        job.created_at = Now()
        job.due_at = Now() + delay if delay else Now()
        job.sent_at = Now() if job.sent_at else None
    Job.objects.bulk_create(jobs)
    note(jobs, step)
    for job in jobs:
        for name in _TIMES:
            # They are read when somebody asks.
            job.__dict__.pop(name)


def _create_at_once(jobs: Sequence[Job], delays: Sequence[timedelta | None], step: Step) -> None:
    """A column travels as one array, or as one value if all rows have the same: the statement stays short."""
    columns = [
        _Column.of(field, [getattr(job, field.attname) for job in jobs])
        for field in Job._meta.concrete_fields
        if field.name not in _TIMES
    ]
    same = [column for column in columns if not column.varies]
    varying = [column for column in columns if column.varies]
    made = (
        f"INSERT INTO jobs_job ({_listed(same + varying)}, created_at, due_at, sent_at)"
        f" SELECT {''.join(f'{column.placeholder}, ' for column in same)}{_listed(varying)},"
        " STATEMENT_TIMESTAMP(), STATEMENT_TIMESTAMP() + delay,"
        " CASE WHEN is_sent THEN STATEMENT_TIMESTAMP() END"
        f" FROM UNNEST({''.join(f'{column.placeholder}, ' for column in varying)}%s::interval[], %s::boolean[])"
        f" AS new({_listed(varying)}, delay, is_sent)"
        " RETURNING id, status, created_at, due_at, sent_at"
    )
    sql = (
        f"WITH changed AS ({made}), noted AS ({_NOTE.format(changed='changed')})"
        " SELECT id, created_at, due_at, sent_at FROM changed"
    )
    waits = [delay or timedelta(0) for delay in delays]
    sent = [job.sent_at is not None for job in jobs]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*(column.value for column in same + varying), waits, sent, *step.params])
        chosen = {row[0]: row[1:] for row in cursor.fetchall()}
    for job in jobs:
        job._state.adding, job._state.db = False, connection.alias
        job.created_at, job.due_at, job.sent_at = chosen[job.pk]


@dataclass(frozen=True, slots=True)
class _Column:
    """The values of one column of new rows: one of each row, or one for all of them."""

    name: str
    placeholder: str
    value: Any
    varies: bool

    @classmethod
    def of(cls, field: models.Field[Any, Any], values: list[Any]) -> "_Column":
        kind = _type_of(field)
        if field.primary_key or not _are_same(field, values):
            return cls(
                str(field.column), f"%s::{kind}[]", [_stored(field, value) for value in values], varies=True
            )
        return cls(str(field.column), f"%s::{kind}", _stored(field, values[0]), varies=False)


def _are_same(field: models.Field[Any, Any], values: Sequence[Any]) -> bool:
    """Whether all the values are stored alike: in Python, 1 equals 1.0 and True, which are three things in JSON."""
    if isinstance(field, models.JSONField):
        values = [json.dumps(value, cls=field.encoder) for value in values]
    return values.count(values[0]) == len(values)


def _listed(columns: Iterable[_Column]) -> str:
    return ", ".join(column.name for column in columns)


def succeed(ends: Sequence[Success], step: Step) -> list[Job]:
    """The running jobs among these that still have their fence, now as succeeded, each with its attempt closed."""
    return _succeed_at_once(ends, step) if in_one_statement() else _succeed_apart(ends, step)


# A job that succeeded says nothing of earlier errors, and holds nothing.
CLEARED: dict[str, Any] = {
    "lease_until": None,
    "slot": None,
    "error_code": "",
    "error_params": {},
    "error_class": "",
    "error_message": "",
    "error_group": "",
}
# What may be said of a success beside that; what is left out stays as it is, and an end is now.
_REPORTED = ("started_at", "finished_at", "progress_done", "progress_total", "progress_message", "result")
_RECORDED = ("started_at", "ended_at", "wait_ms", "peak_memory_bytes", "cpu_seconds", "log")


def _succeed_apart(ends: Sequence[Success], step: Step) -> list[Job]:
    done = []
    with transaction.atomic(savepoint=False):
        for end in ends:
            rows = Job.objects.filter(pk=end.job_id, fence=end.fence, status=JobStatus.RUNNING)
            values = {"finished_at": Now(), **CLEARED, **end.job}
            for job in update_returning(rows, status=JobStatus.SUCCEEDED, **values):
                done.append(job)
                attempts = Attempt.objects.filter(job_id=end.job_id, fence=end.fence)
                attempts.update(**{"outcome": AttemptOutcome.SUCCEEDED, "ended_at": Now(), **end.attempt})
        note(done, step)
    return done


def _succeed_at_once(ends: Sequence[Success], step: Step) -> list[Job]:
    """All that is to be written travels as one JSON value."""
    sql, cleared = _succeed_sql()
    said = [
        {
            "id": end.job_id,
            "fence": end.fence,
            **_prefixed("job", Job, end.job),
            **_prefixed("try", Attempt, end.attempt),
        }
        for end in ends
    ]
    return read(sql, (json.dumps(said, default=str), *cleared, *step.params))


@cache
def _succeed_sql() -> tuple[str, tuple[Any, ...]]:
    """The statement, and its parameters between the JSON value and the event's."""
    columns = [
        f"{prefix}_{field.name} {_type_of(field)}"
        for prefix, model, names in (("job", Job, _REPORTED), ("try", Attempt, _RECORDED))
        for field in _fields(model, names)
    ]
    cleared, params = _assigned(Job, CLEARED)
    job = ", ".join(
        f"{name} = COALESCE(e.job_{name}, j.{name})" for name in _REPORTED if name != "finished_at"
    )
    attempt = ", ".join(
        f"{name} = COALESCE(e.try_{name}, a.{name})" for name in _RECORDED if name != "ended_at"
    )
    return (
        "WITH said AS (SELECT * FROM JSONB_TO_RECORDSET(%s::jsonb)"
        f" AS e(id uuid, fence integer, {', '.join(columns)})),"
        f" changed AS (UPDATE jobs_job j SET status = '{JobStatus.SUCCEEDED}',"
        f" finished_at = COALESCE(e.job_finished_at, STATEMENT_TIMESTAMP()), {job}, {cleared}"
        f" FROM said e WHERE j.id = e.id AND j.fence = e.fence AND j.status = '{JobStatus.RUNNING}'"
        f" RETURNING {columns_of(Job, 'j')}),"
        f" closed AS (UPDATE jobs_attempt a SET outcome = '{AttemptOutcome.SUCCEEDED}',"
        f" ended_at = COALESCE(e.try_ended_at, STATEMENT_TIMESTAMP()), {attempt}"
        " FROM said e JOIN changed c USING (id) WHERE a.job_id = c.id AND a.fence = c.fence),"
        f" noted AS ({_NOTE.format(changed='changed')})"
        f" SELECT {columns_of(Job)} FROM changed"
    ), params


def _prefixed(prefix: str, model: type[models.Model], values: dict[str, Any]) -> dict[str, Any]:
    """The values with their names for `_succeed_sql`."""
    return {
        f"{prefix}_{field.name}": value
        if isinstance(field, models.JSONField)
        else field.get_prep_value(value)
        for field, value in zip(_fields(model, values), values.values(), strict=True)
    }


def note(jobs: Iterable[Job], step: Step) -> None:
    """Write an event of each job, as the row is now."""
    JobEvent.objects.bulk_create(
        JobEvent(
            job=job,
            at=Now(),
            from_status=step.from_status,
            to_status=job.status,
            cause=step.cause,
            by_id=step.by_id,
        )
        for job in jobs
    )


def read(sql: str, params: Sequence[Any] | dict[str, Any]) -> list[Job]:
    """The jobs that the statement answers with."""
    return list(Job.objects.raw(sql, params))


@cache
def _type_of(field: models.Field[Any, Any]) -> str:
    """The field's type on PostgreSQL, without its length: what is too long is refused, not cut."""
    return str(field.db_type(connection)).partition("(")[0]


def _stored(field: models.Field[Any, Any], value: Any) -> Any:
    """The value as the database is given it."""
    return field.get_db_prep_save(value, connection)


def _fields(model: type[models.Model], names: Iterable[str]) -> list[models.Field[Any, Any]]:
    return [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in names]


def _assigned(model: type[models.Model], values: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The values as assignments of an UPDATE on PostgreSQL, with their parameters."""
    fields = _fields(model, values)
    columns = ", ".join(f"{field.column} = %s" for field in fields)
    return columns, tuple(map(_stored, fields, values.values()))
