"""A database as a busy site has it after a month: jobs with attempts, events and statistics, made by SQL.

`DATABASE_URL=… python -m benchmarks.filling [JOBS]` fills the database (1,000,000 jobs) after it migrated it. Most jobs
ended; some thousand wait, run, or are held. `python -m benchmarks.filling --touch` makes its workers look alive once
more, and its running jobs leased. Everything is invented; two fillings of one size differ in ids and moments alone.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from benchmarks.filling_kinds import ERRORS, KINDS, ORGANIZATIONS

JOBS = 1_000_000
DAYS = 30
# Attempts of one job that are written out.
MOST_ATTEMPTS = 4
# Rows of the tables that are drawn from: the finer the table, the finer the shares.
SLOTS = 1000


def fill(jobs: int = JOBS) -> None:
    """Fill a migrated database whose tables of jobs are empty.

    Raises: ValueError when there are jobs already.
    """
    from benchmarks import filling_active
    from jobs.models import Attempt, Job

    if Job.objects.exists():
        raise ValueError("there are jobs already: fill an empty database")
    tenants = _organizations()
    with transaction.atomic(), _without_foreign_keys():
        _draw(jobs, tenants)
        _insert(Job, _job, "filling f")
        _insert(Attempt, _attempt, "filling f JOIN filling_number i ON i.number <= f.attempts")
        _insert_events()
        for table in ("filling", "filling_number", "filling_kind", "filling_error"):
            _run(f"DROP TABLE {table}")
        filling_active.add(tenants)
    _roll_up()
    if connection.vendor == "postgresql":
        # Pages are read as they are on a site whose autovacuum had the time to look.
        _run("VACUUM ANALYZE")
    else:
        _run("ANALYZE")


def _roll_up() -> None:
    """Statistics as the leader would have left them: hours of all days, minutes of the last ones."""
    from jobs import statistics

    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    kept = today - statistics.MINUTES_KEPT
    for weeks in range(6, 0, -1):
        since = kept - timedelta(weeks=weeks)
        statistics.fill_hours(since, since + timedelta(weeks=1))
    for hour in range(24 * (statistics.MINUTES_KEPT.days + 1)):
        since = kept + timedelta(hours=hour)
        statistics.fill_minutes(since, since + timedelta(hours=1))


def _organizations() -> list[int]:
    from organizations.models import Organization

    for number, name in enumerate(ORGANIZATIONS):
        Organization.objects.get_or_create(slug=f"filling-{number}", defaults={"name": name})
    return list(Organization.objects.order_by("pk").values_list("pk", flat=True))


@contextmanager
def _without_foreign_keys() -> Iterator[None]:
    """Rows that are known to fit are not looked up one by one; on PostgreSQL this needs its superuser."""
    if connection.vendor == "postgresql":
        _run("SET LOCAL session_replication_role = replica")
        _run("SET LOCAL synchronous_commit = off")
        _run("SET LOCAL work_mem = '256MB'")
    yield
    if connection.vendor == "postgresql":
        _run("SET LOCAL session_replication_role = origin")


# --- Drawing: one row for each job, with everything that chance decides -------------------------------------


def _draw(jobs: int, tenants: list[int]) -> None:
    _table("filling_number", ["number"], [(number,) for number in range(1, MOST_ATTEMPTS + 1)])
    _kinds()
    _errors()
    now = timezone.now().timestamp()
    midnight = now - now % 86400
    draws = ", ".join(f"{_random()} AS r{number}" for number in range(1, 13))
    tenant = _choice([str(tenant) for tenant in tenants], "r3 * r3")
    # The work of a day is heaviest at noon; what would lie ahead of now belongs to the first day.
    _run(
        f"""
        CREATE TEMPORARY TABLE filling_draw AS
        SELECT number, {_uuid()} AS id, {_floor(f"r1 * {SLOTS}")} AS slot,
               {midnight} - 86400 * {_floor(f"r2 * {DAYS}")} + 43200 * (r4 + r5) AS wanted_s,
               {tenant} AS tenant_id, r3, r6, r7, r8, r9, r10, r11, r12
        FROM (SELECT number, {draws} FROM ({_series(jobs)}) AS numbers) AS drawn
        """
    )
    normal = "(r{} + r{} + r{} - 1.5) * 2"
    _run(
        f"""
        CREATE TEMPORARY TABLE filling_kept AS
        SELECT d.*, k.task, k.queue, k.timeout_seconds, k.max_attempts, k.argument,
               CASE WHEN wanted_s > {now} THEN wanted_s - {86400 * DAYS} ELSE wanted_s END AS created_s,
               k.run_s * exp(k.spread * {normal.format(6, 7, 8)}) AS run_s,
               k.wait_s * exp(k.spread * {normal.format(8, 9, 10)}) AS wait_s,
               CASE WHEN r11 * 1000 < k.failed THEN 'failed' WHEN r11 > 0.994 THEN 'cancelled'
                    ELSE 'succeeded' END AS status,
               CASE WHEN r11 * 1000 < k.failed THEN CASE WHEN r12 < 0.3 THEN 1 ELSE {_smaller("k.max_attempts")} END
                    WHEN r11 > 0.994 THEN 0 WHEN r12 * 1000 < k.retried THEN 2 ELSE 1 END AS attempts
        FROM filling_draw d JOIN filling_kind k ON k.slot = d.slot
        """
    )
    # A job that would end in the future began as much earlier.
    _run(
        f"""
        CREATE TEMPORARY TABLE filling AS
        SELECT f.*, e.error_class, e.error_code, e.error_message, e.error_group
        FROM (
            SELECT id, number, task, queue, status, timeout_seconds, max_attempts, argument, attempts, run_s, wait_s,
                   CASE WHEN argument = '' THEN NULL ELSE tenant_id END AS tenant_id,
                   CASE WHEN created_s + {_LASTS} > {now} THEN created_s - {_LASTS} ELSE created_s END AS created_s,
                   {_floor(f"r10 * r12 * {SLOTS}")} AS slot
            FROM filling_kept
        ) AS f
        LEFT JOIN filling_error e ON e.task = f.task AND e.slot = f.slot AND f.attempts > 0
        ORDER BY f.created_s
        """
    )
    for table in ("filling_draw", "filling_kept"):
        _run(f"DROP TABLE {table}")


# Attempt n of a job starts after n - 1 runs and the pauses between them, which double from half a minute on.
_LASTS = (
    "(wait_s + attempts * run_s + CASE attempts WHEN 2 THEN 30 WHEN 3 THEN 90 WHEN 4 THEN 210 ELSE 0 END)"
)
_PAUSES = "CASE i.number WHEN 2 THEN 30 WHEN 3 THEN 90 WHEN 4 THEN 210 ELSE 0 END"
_STARTED = f"f.created_s + f.wait_s + (i.number - 1) * f.run_s + {_PAUSES}"
_ENDED = f"f.created_s + f.wait_s + i.number * f.run_s + {_PAUSES}"


def _kinds() -> None:
    rows: list[tuple[Any, ...]] = []
    for kind in KINDS:
        for _number in range(kind.per_mille):
            rows.append((len(rows), kind.task, kind.queue, kind.run_seconds, kind.wait_seconds, kind.spread,
                         kind.failed, kind.retried, kind.timeout_seconds, kind.attempts, kind.argument))  # fmt: skip
    columns = ["slot", "task", "queue", "run_s", "wait_s", "spread", "failed", "retried", "timeout_seconds",
               "max_attempts", "argument"]  # fmt: skip
    _table("filling_kind", columns, rows)


def _errors() -> None:
    rows: list[tuple[Any, ...]] = []
    for kind in KINDS:
        errors = ERRORS.get(kind.task, ()) + ERRORS["*"]
        for slot in range(SLOTS):
            # The slot is the product of two draws: low ones, and with them the first errors, come most often.
            error_class, code, message = errors[slot * len(errors) // SLOTS]
            group = sha256(f"{kind.task} {error_class} {message}".encode()).hexdigest()[:16]
            rows.append((kind.task, slot, error_class, code, message, group))
    columns = ["task", "slot", "error_class", "error_code", "error_message", "error_group"]
    _table("filling_error", columns, rows)


# --- Writing: what each column of the real tables gets ------------------------------------------------------


def _when(expression: str) -> str:
    """Seconds since 1970 as the database keeps a time."""
    if connection.vendor == "postgresql":
        return f"to_timestamp({expression})"
    return f"strftime('%Y-%m-%d %H:%M:%f', {expression}, 'unixepoch')"


def _json(name: str, value: str) -> str:
    function = "jsonb_build_object" if connection.vendor == "postgresql" else "json_object"
    return f"{function}({name}, {value})"


_FINISHED = f"created_s + {_LASTS}"
_WORKER = "'filling-' || {number} % 12"


def _job() -> dict[str, str]:
    started = f"CASE WHEN attempts > 0 THEN {_when(f'{_FINISHED} - run_s')} END"
    columns = {name: name for name in ("id", "task", "queue", "status", "tenant_id", "timeout_seconds")}
    failed = {
        name: f"CASE WHEN status = 'failed' THEN {name} ELSE '' END"
        for name in ("error_class", "error_code", "error_message", "error_group")
    }
    return {
        **columns,
        **failed,
        "arguments": f"CASE WHEN argument = '' THEN {_empty()} ELSE {_json('argument', 'number')} END",
        "attempt": "attempts",
        "fence": "attempts",
        "max_attempts": "max_attempts",
        "worker": f"CASE WHEN attempts > 0 THEN {_WORKER.format(number='number')} ELSE '' END",
        "created_at": _when("created_s"),
        "due_at": _when("created_s"),
        "sent_at": _when("created_s"),
        "started_at": started,
        "finished_at": _when(_FINISHED),
    }


def _empty() -> str:
    return "'{}'::jsonb" if connection.vendor == "postgresql" else "'{}'"


def _attempt() -> dict[str, str]:
    is_last = "i.number = f.attempts AND f.status = 'succeeded'"
    failed = {
        name: f"CASE WHEN {is_last} THEN '' ELSE coalesce(f.{name}, '') END"
        for name in ("error_class", "error_message")
    }
    return {
        **failed,
        "job_id": "f.id",
        "number": "i.number",
        "fence": "i.number",
        "outcome": f"CASE WHEN {is_last} THEN 'succeeded' WHEN f.number % 50 = 0 THEN 'lost' ELSE 'failed' END",
        "worker": _WORKER.format(number="f.number"),
        "host": "'worker-' || f.number % 3",
        "pid": "4000 + f.number % 97",
        "started_at": _when(_STARTED),
        "ended_at": _when(_ENDED),
        "wait_ms": _whole("CASE WHEN i.number = 1 THEN f.wait_s * 1000 ELSE 40 END"),
        "peak_memory_bytes": "60000000 + (f.number % 991) * 150000",
        "cpu_seconds": "f.run_s * 0.6",
    }


def _insert_events() -> None:
    """The timeline: within one job in the order in which it happened."""
    _event("created_s", "''", "'queued'", "'enqueued'", "filling f")
    for number in range(1, MOST_ATTEMPTS + 1):
        started = _STARTED.replace("i.number", str(number))
        ended = _ENDED.replace("i.number", str(number))
        source = f"filling f WHERE f.attempts >= {number}"
        if number > 1:
            _event(f"{started} - 0.05", "'retrying'", "'queued'", "'due'", source)
        _event(started, "'queued'", "'running'", "'claimed'", source)
        _event(ended, "'running'", "'retrying'", "'raised'", f"filling f WHERE f.attempts > {number}")
        cause = "CASE f.status WHEN 'failed' THEN 'raised' ELSE 'returned' END"
        _event(ended, "'running'", "f.status", cause, f"filling f WHERE f.attempts = {number}")
    _event("created_s + wait_s", "'queued'", "'cancelled'", "'cancelled'", "filling f WHERE f.attempts = 0")


def _event(at: str, before: str, after: str, cause: str, source: str) -> None:
    from jobs.models import JobEvent

    _insert(
        JobEvent,
        lambda: {
            "job_id": "f.id",
            "at": _when(at),
            "from_status": before,
            "to_status": after,
            "cause": cause,
        },
        source,
    )


def _insert(model: type[Model], columns: Any, source: str) -> None:
    """Fill a table; columns that are not named get what a new row of the model has."""
    values: Mapping[str, str] = columns()
    names, expressions, params = [], [], []
    for field in model._meta.concrete_fields:
        if field.attname in values:
            expression = values[field.attname]
        elif field.primary_key or (default := field.get_default()) is None:
            continue
        else:
            expression = "%s"
            params.append(field.get_db_prep_save(default, connection))
        names.append(str(field.column))
        expressions.append(expression if expression == "%s" else expression.replace("%", "%%"))
    target = f"{model._meta.db_table} ({', '.join(names)})"
    _run(f"INSERT INTO {target} SELECT {', '.join(expressions)} FROM {source}", params)


# --- What the two databases call differently ----------------------------------------------------------------


def _run(statement: str, params: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def _table(name: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    types = ["text" if isinstance(value, str) else "double precision" for value in rows[0]]
    types = [
        "integer" if isinstance(value, int) else kind for value, kind in zip(rows[0], types, strict=True)
    ]
    declared = ", ".join(f"{column} {kind}" for column, kind in zip(columns, types, strict=True))
    _run(f"CREATE TEMPORARY TABLE {name} ({declared})")
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    if connection.vendor == "postgresql":
        _run(f"ANALYZE {name}")
    elif "task" in columns and columns[0] == "task":
        _run(f"CREATE INDEX {name}_by_task ON {name} (task, slot)")
    else:
        _run(f"CREATE INDEX {name}_by_key ON {name} ({columns[0]})")


def _random() -> str:
    return "random()" if connection.vendor == "postgresql" else "(abs(random()) % 1000003) / 1000003.0"


def _uuid() -> str:
    return "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"


def _floor(expression: str) -> str:
    return (
        f"floor({expression})::int" if connection.vendor == "postgresql" else f"CAST({expression} AS INTEGER)"
    )


def _whole(expression: str) -> str:
    return (
        f"({expression})::bigint" if connection.vendor == "postgresql" else f"CAST({expression} AS INTEGER)"
    )


def _smaller(expression: str) -> str:
    function = "least" if connection.vendor == "postgresql" else "min"
    return f"{function}({expression}, {MOST_ATTEMPTS})"


def _choice(values: list[str], draw: str) -> str:
    """One of the values, the first ones more often when small draws are."""
    if connection.vendor == "postgresql":
        return f"(ARRAY[{', '.join(values)}])[1 + floor({draw} * {len(values)})::int]"
    array = f"json_array({', '.join(values)})"
    return f"json_extract({array}, '$[' || CAST({draw} * {len(values)} AS INTEGER) || ']')"


def _series(count: int) -> str:
    if connection.vendor == "postgresql":
        return f"SELECT number FROM generate_series(1, {count}) AS number"
    return (
        "WITH RECURSIVE counted(number) AS "
        f"(SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < {count}) SELECT number FROM counted"
    )


def touch() -> None:
    """Let the invented workers be seen now, and their running jobs be leased for an hour."""
    from jobs.models import Job, JobStatus, WorkerProcess

    now = timezone.now()
    WorkerProcess.objects.filter(ended_at=None, version="1.0").update(seen_at=now)
    Job.objects.filter(status=JobStatus.RUNNING).update(lease_until=now + timedelta(hours=1))


def fill_from_command_line() -> None:
    """Fill or touch the database that the environment names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    if sys.argv[1:] == ["--touch"]:
        touch()
        return
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    began = time.perf_counter()
    fill(jobs)
    print(f"{jobs:,} jobs on {connection.vendor} in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    fill_from_command_line()
