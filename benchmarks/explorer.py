"""How long the pages of a run with a million findings take, beside an earlier run of the same file to compare with.

`DATABASE_URL=postgres://… python -m benchmarks.explorer [FINDINGS]`: fills a database of its own (a few minutes) and
drops it again. KEEP=1 keeps it; READ=postgres://… reads one that was kept. Each page is asked ROUNDS times through the
whole of Django, middleware and templates, in turns with the others; the first round warms the caches and does not
count. SQL is what the statements of a page took together. On a busy machine the clock tells of the machine: CPU is
what Django and its process of the server used, which is the time of the page on a quiet one. The server may not share
its work out meanwhile, and has to be on this machine.
"""

import json
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.databases import percentile, read_or_new_database

FINDINGS = 1_000_000
ROUNDS = int(os.environ.get("ROUNDS", "20"))
MOST_MS = 300
# Code, severity, columns by index, share in a thousand findings, whether its cells have a proposed fix.
RULES: tuple[tuple[str, str, tuple[int, ...], int, bool], ...] = (
    ("required", "error", (1, 2, 8, 10, 17), 400, False),
    ("money-format", "error", (14, 15), 200, True),
    ("code-known", "error", (10,), 150, False),
    ("id-format", "error", (1, 2), 100, False),
    ("date-format", "error", (3,), 60, True),
    ("money-format", "warning", (14, 15), 40, True),
    ("date-window", "warning", (3,), 39, False),
    ("place-known", "warning", (7,), 10, False),
    ("paid", "info", (15,), 1, False),
)
# A finding of this rule is one in so many.
RARE = ("overlap", "error", 4, 50_000)
BUCKETS = 60


@dataclass(slots=True)
class Times:
    """What one page took, in milliseconds, in each round."""

    whole: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    statements: int = 0
    size_bytes: int = 0


def main() -> None:
    """Print a line for each page, and whether it keeps to the limit."""
    findings = int(sys.argv[1]) if len(sys.argv) > 1 else FINDINGS
    with read_or_new_database() as url:
        os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "ERROR"}
        import django

        django.setup()
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        from validations.models import ValidationRun

        setup_test_environment()
        call_command("migrate", verbosity=0)
        if not ValidationRun.unscoped.exists():
            began = time.perf_counter()
            _fill(findings)
            print(f"filled in {time.perf_counter() - began:.0f} s")
        _report(_measured(_pages(findings)))


def _fill(findings: int) -> None:
    """Two completed runs of one file name: the later one has lost every tenth finding and has as many new ones."""
    from django.conf import settings
    from django.db import connection

    from organizations.models import Membership, Organization, User
    from validations import comparing
    from validations.models import Profile, ResultSet, ValidationRun

    place = Organization.objects.create(name="Bench", slug="bench")
    person = User.objects.create_user("bench@example.com", is_staff=True)
    Membership.unscoped.create(organization=place, user=person, role="owner")
    profile = Profile.objects.filter(organization=None, name=settings.DEFAULT_PROFILE).latest("version")
    for number in range(2):
        run = ValidationRun.unscoped.create(
            organization=place, created_by=person, profile=profile, status="completed", verdict="refused",
            file_name="bench.csv", size_bytes=200_000_000, sha256=str(number) * 64, rows_total=findings,
            reading=_reading(profile.descriptor),
        )  # fmt: skip
        result = ResultSet.unscoped.create(organization=place, run=run)
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            _records(cursor, result, findings)
            _findings(cursor, result, findings, shift=number * findings // 10)
            ValidationRun.unscoped.filter(pk=run.pk).update(
                result=result, **_summary(cursor, result.pk, findings)
            )
    began = time.perf_counter()
    earlier, later = ValidationRun.unscoped.order_by("created_at")
    comparing.comparison_of(later, earlier)
    print(f"two runs compared, once, in {time.perf_counter() - began:.1f} s")
    with connection.cursor() as cursor:
        # Pages are read as they are on a site whose autovacuum had the time to look.
        cursor.execute("VACUUM ANALYZE")


def _reading(descriptor: dict[str, Any]) -> dict[str, Any]:
    from validations.engine.cells import letter

    columns = [
        {
            "index": index,
            "label": entry["title"],
            "letter": letter(index),
            "field": entry["name"],
            "how": "exact",
        }
        for index, entry in enumerate(descriptor["fields"])
    ]
    return {"encoding": "cp1252", "delimiter": ";", "quotechar": '"', "header_line": 1, "columns": columns}


def _records(cursor: Any, result: Any, rows: int) -> None:
    cursor.execute(
        "INSERT INTO validations_billingrecord (organization_id, result_id, line, row, row_no, invoice_number, "
        "record_id, service_date, period, place, sector, diagnosis, code, units, role, context, amount_cents, "
        "provider, patient, extra) SELECT %s, %s, n + 1, n, n, lpad((n / 3)::text, 9, '0'), lpad(n::text, 11, '0'), "
        "DATE '2026-01-01' + (n %% 200)::int, '202610', '50137', '', '', '15804', 1, '1', 'G160', 2275, "
        "'1632084-12345, Gagné Marie', 'TREM85010112 Tremblay, Jean', '{}' FROM generate_series(1, %s) n",
        [result.organization_id, result.pk, rows],
    )


def _findings(cursor: Any, result: Any, findings: int, *, shift: int) -> None:
    """One finding a row on average; keys count on from `shift`."""
    cases: dict[str, list[str]] = {"code": [], "severity": [], "column": [], "fix": []}
    upper = 0
    for code, severity, columns, share, has_fix in RULES:
        upper += share
        cases["code"].append(f"WHEN slot < {upper} THEN '{code}'")
        cases["severity"].append(f"WHEN slot < {upper} THEN '{severity}'")
        numbers = ", ".join(map(str, columns))
        cases["column"].append(
            f"WHEN slot < {upper} THEN (ARRAY[{numbers}])[1 + (n / 7 % {len(columns)})::int]"
        )
        cases["fix"].append(f"WHEN slot < {upper} THEN {'value || chr(48)' if has_fix else 'NULL'}")
    code, severity, column, every = RARE
    rare = f"WHEN n % {every} = 7 THEN"
    chosen = {
        "code": f"CASE {rare} '{code}' {' '.join(cases['code'])} END",
        "severity": f"CASE {rare} '{severity}' {' '.join(cases['severity'])} END",
        "column": f"CASE {rare} {column} {' '.join(cases['column'])} END",
        "fix": f"CASE {rare} NULL {' '.join(cases['fix'])} END",
    }
    statement = f"""
        INSERT INTO validations_finding (organization_id, result_id, code, severity, line, row, column_index,
            column_label, field, value, params, suggestion, amount_cents, key)
        SELECT {result.organization_id}, {result.pk}, {chosen["code"]}, {chosen["severity"]}, n + 1, n,
            {chosen["column"]}, 'Column ' || {chosen["column"]}, 'field', value, '{{"title_en": "A", "title_fr": "A"}}',
            {chosen["fix"]}, n * 7919 % 100000, n + {shift}
        FROM (SELECT n, n * 7919 % 1000 AS slot, CASE WHEN n * 7919 % 1000 < 400 THEN '' WHEN n % 3 = 0
              THEN (n * 31 % 500)::text || ',5' ELSE 'TREM' || (n * 104729 % 900000)::text END AS value
              FROM generate_series(1, {findings}::bigint) n) drawn
    """
    cursor.execute(statement)


def _summary(cursor: Any, result_id: int, rows: int) -> dict[str, Any]:
    """What the engine would have counted, counted by the database."""
    cursor.execute(
        f"SELECT code, severity, least({BUCKETS - 1}, (line - 1) * {BUCKETS} / {rows}) AS bucket, count(*), "
        f"sum(amount_cents) FROM validations_finding WHERE result_id = {result_id} GROUP BY 1, 2, 3"
    )
    by_code: dict[tuple[str, str], dict[str, Any]] = {}
    for code, severity, bucket, count, cents in cursor.fetchall():
        row = by_code.setdefault(
            (code, severity),
            {
                "code": code,
                "severity": severity,
                "count": 0,
                "rows": 0,
                "amount_cents": 0,
                "lines": [0] * BUCKETS,
            },
        )
        row["lines"][bucket] += count
        row |= {
            key: row[key] + more
            for key, more in (("count", count), ("rows", count), ("amount_cents", int(cents)))
        }
    cursor.execute(
        "SELECT code, severity, column_index, count(*), count(DISTINCT value), count(suggestion) FROM "
        f"validations_finding WHERE result_id = {result_id} GROUP BY 1, 2, 3 ORDER BY 4 DESC"
    )
    names = ("code", "severity", "column_index", "count", "values", "fixes")
    by_column = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    cursor.execute(
        "SELECT code, severity, column_index, value, n FROM (SELECT *, row_number() OVER (PARTITION BY code, severity, "
        "column_index ORDER BY n DESC, value) AS place FROM (SELECT code, severity, column_index, value, count(*) AS n "
        f"FROM validations_finding WHERE result_id = {result_id} GROUP BY 1, 2, 3, 4) v) p WHERE place <= 20"
    )
    value_names = ("code", "severity", "column_index", "value", "count")
    by_value = [dict(zip(value_names, row, strict=True)) for row in cursor.fetchall()]
    totals = {level: sum(r["count"] for r in by_code.values() if r["severity"] == level) for level in
              ("error", "warning", "info")}  # fmt: skip
    summary = {
        "rows": rows, "rows_checked": rows, "rows_not_checked": 0, "rows_with_errors": rows * 9 // 10,
        "by_severity": totals, "by_code": list(by_code.values()), "by_column": by_column, "by_value": by_value,
        "not_checked": {}, "missing_fields": {}, "broken": [],
    }  # fmt: skip
    return {
        "summary": json.loads(json.dumps(summary)),
        **{f"{level}_count": n for level, n in totals.items()},
    }


def _pages(findings: int) -> dict[str, str]:
    """Name and address of each page."""
    from django.urls import reverse

    from validations.models import Finding, ValidationRun

    run = ValidationRun.unscoped.latest("created_at")
    opened = Finding.unscoped.filter(result_id=run.result_id, code="money-format", line__gt=findings // 2)
    one = opened.order_by("line").values_list("pk", flat=True)[0]
    page = reverse("validations:run-detail", args=["bench", run.pk])
    last = -(-findings // 25)
    return {
        "run page": page,
        "all findings": f"{page}?code=all",
        "all findings, the last page": f"{page}?code=all&page={last}",
        "all findings, the middle page": f"{page}?code=all&page={last // 2}",
        "one rule": f"{page}?code=required&severity=error",
        "one rule, the middle page": f"{page}?code=required&severity=error&page={last // 5}",
        "one rule and column": f"{page}?code=required&severity=error&column=8",
        "one rule and column, the middle page": f"{page}?code=required&severity=error&column=8&page={last // 25}",
        "the rarest rule": f"{page}?code=overlap&severity=error",
        "one severity, rare": f"{page}?code=all&severity=info",
        "one column": f"{page}?code=all&column=3",
        "one value, frequent": f"{page}?code=all&value=10,5",
        "one value, rare": f"{page}?code=all&value=TREM104729",
        "rule, column and value": f"{page}?code=money-format&severity=error&column=14&value=10,5",
        "text, frequent": f"{page}?code=all&q=TREM1",
        "text, rare": f"{page}?code=all&q=TREM10472",
        "text, found nowhere": f"{page}?code=all&q=nowhere-at-all",
        "text within a rule, found nowhere": f"{page}?code=required&severity=error&q=nowhere-at-all",
        "sorted by value": f"{page}?code=id-format&severity=error&sort=value",
        "sorted by value, the middle page": f"{page}?code=id-format&severity=error&sort=value&page={last // 20}",
        "sorted by amount, largest rule": f"{page}?code=required&severity=error&sort=-amount",
        "sorted by amount, all": f"{page}?code=all&sort=-amount",
        "all, sorted by value": f"{page}?code=all&sort=value",
        "one row in its context": f"{page}?code=all&finding={one}",
        "grouped by column": f"{page}?code=all&group=column",
        "grouped by value": f"{page}?code=all&group=value",
        "compared, what is new": f"{page}compare/?kind=new&code=required&severity=error",
        "compared, what is still there": f"{page}compare/?kind=still&code=required&severity=error",
        "compared, what is fixed": f"{page}compare/?kind=fixed&code=code-known&severity=error",
        "proposed fixes": f"{page}fixes/",
    }


def _measured(pages: dict[str, str]) -> dict[str, Times]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from config.startup import load_site
    from organizations.models import User

    client = Client()
    client.force_login(
        User.objects.get(email="bench@example.com"), backend="organizations.backends.EmailBackend"
    )
    load_site()
    times: dict[str, Times] = defaultdict(Times)
    with connection.cursor() as cursor:
        if os.environ.get("ALONE"):
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    for number in range(ROUNDS + 1):
        for name, address in pages.items():
            with CaptureQueriesContext(connection) as queries:
                began, used = time.perf_counter(), _cpu(backend)
                response = client.get(address, follow=True)
                seconds = time.perf_counter() - began
            assert response.status_code == 200, (name, response.status_code)
            if number:
                times[name].whole.append(seconds * 1000)
                times[name].database.append(sum(float(query["time"]) for query in queries) * 1000)
                times[name].cpu.append((_cpu(backend) - used) * 1000)
                times[name].statements = len(queries)
                times[name].size_bytes = len(response.content)
    return times


def _cpu(backend: psutil.Process) -> float:
    """The seconds of CPU time that this process and its process of the server have used."""
    spent = backend.cpu_times()
    return time.process_time() + float(spent.user + spent.system)


def _report(times: dict[str, Times]) -> None:
    print(
        f"{'page':40} {'least':>6} {'p50':>6} {'p95':>6} {'SQL p50':>8} {'CPU':>6} {'statements':>10} {'kB':>5}"
    )
    for name, one in times.items():
        whole = percentile(one.whole, 0.95)
        cpu = sum(one.cpu) / len(one.cpu)
        print(
            f"{name:40} {min(one.whole):6.0f} {percentile(one.whole, 0.5):6.0f} {whole:6.0f} "
            f"{percentile(one.database, 0.5):8.0f} {cpu:6.0f} {one.statements:10} {one.size_bytes / 1000:5.0f}"
            f"{'' if whole < MOST_MS else '  TOO SLOW'}"
        )
    print(f"milliseconds; wanted: p95 under {MOST_MS}")


if __name__ == "__main__":
    main()
