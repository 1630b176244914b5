"""Time and peak memory of each file that can be downloaded, for a run with very many findings.

`python -m benchmarks.exports [FINDINGS] [ROWS] [FORMAT ...]`: fills a SQLite database of its own with a run of so many
findings (1,000,000) in so many rows of 19 columns (200,000), then makes each format in a process of its own. The first
line, "nothing", is such a process that makes no file: what Django and the project take by themselves.
"""

import os
import sys
import tempfile
from typing import Any

from benchmarks.measure import run_module

FINDINGS = 1_000_000
ROWS = 200_000
NOTHING = "nothing"
CODES = (("required", "error"), ("money-format", "warning"), ("code-known", "error"), ("extra-label", "info"))


def main() -> None:
    """Print a line for each format."""
    findings = int(sys.argv[1]) if len(sys.argv) > 1 else FINDINGS
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else ROWS
    with tempfile.TemporaryDirectory(prefix="bench-exports-") as folder:
        os.environ |= {
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "VAR_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LOG_LEVEL": "ERROR",
            "ENGINE_TEMP_DIR": f"{folder}/engine",
        }
        # In a process of its own too: a child's peak begins at what its parent occupies.
        names = run_module("benchmarks.exports", "fill", str(findings), str(rows)).output.split()
        print(f"{findings:,} findings, {rows:,} rows of 19 columns; SQLite")
        print(f"{'format':16} {'wall':>9} {'CPU':>9} {'peak':>10} {'file':>10}")
        for name in (NOTHING, *(sys.argv[3:] or names)):
            cost = run_module("benchmarks.exports", "one", name)
            print(
                f"{name:16} {cost.wall_seconds:7.1f} s {cost.cpu_seconds:7.1f} s "
                f"{cost.peak_bytes / 2**20:6.0f} MiB {int(cost.output) / 1e6:7.1f} MB",
                flush=True,
            )


def _fill(findings: int, rows: int) -> list[str]:
    """The names of the formats, once the run is in the database."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from organizations.models import Organization
    from validations.exports import in_order
    from validations.models import Profile, ResultSet, RunStatus, ValidationRun

    call_command("migrate", verbosity=0)
    place = Organization.objects.create(name="Bench", slug="bench")
    profile = Profile.objects.filter(name=settings.DEFAULT_PROFILE).order_by("-version")[0]
    run: Any = ValidationRun.unscoped.create(
        organization=place, profile=profile, file_name="bench.csv", size_bytes=1, sha256="0" * 64,
        status=RunStatus.COMPLETED, verdict="refused", error_count=findings // 2, warning_count=findings // 4,
        info_count=findings // 4, amount_total_cents=rows * 4705, amount_at_stake_cents=rows * 470,
        reading=_reading(profile, rows), summary=_summary(findings, rows),
    )  # fmt: skip
    run.result = ResultSet.unscoped.create(organization=place, run=run)
    run.save()
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, [rows, place.pk, run.result_id])
        cursor.execute(_FINDINGS, [findings, place.pk, run.result_id, rows, rows])
    return [kind.name for kind in in_order()]


_NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < %s)"
_RECORDS = f"""INSERT INTO validations_billingrecord (organization_id, result_id, line, row, row_no, invoice_number,
record_id, service_date, start_time, end_time, period, place, sector, diagnosis, code, units, role, context,
amount_cents, amount_paid_cents, provider, patient, extra)
{_NUMBERS} SELECT %s, %s, n + 1, n, n, 100000000 + n, 10000000000 + n, '2026-11-03', '08:30:00', '09:00:00', '202645',
'50137', '1', 'J06', '15804', 1, '1', 'G160', 4705, 4705, '1632084-12345, Roy Marie, 01', 'TREM80010112 Tremblay Marie',
'{{"Agence": "Nord"}}' FROM number"""
_FINDINGS = f"""INSERT INTO validations_finding (organization_id, result_id, code, severity, line, row, column_index,
column_label, field, value, params, suggestion, amount_cents)
{_NUMBERS} SELECT %s, %s,
CASE n %% 4 WHEN 0 THEN 'required' WHEN 1 THEN 'money-format' WHEN 2 THEN 'code-known' ELSE 'extra-label' END,
CASE n %% 4 WHEN 1 THEN 'warning' WHEN 3 THEN 'info' ELSE 'error' END, n %% %s + 2, n %% %s + 1, n %% 19, 'Montant',
'amount', '12.50', '{{"field_en": "Amount", "field_fr": "Montant", "value": "12.50"}}', '12,50', 1250 FROM number"""


def _reading(profile: Any, rows: int) -> dict[str, Any]:
    from validations.engine.cells import letter

    names = [field["name"] for field in profile.descriptor["fields"]][:18]
    columns = [
        {"index": index, "label": name, "letter": letter(index), "field": name, "how": "exact"}
        for index, name in enumerate(names)
    ]
    kept = {"index": len(names), "label": "Agence", "letter": letter(len(names)), "field": None, "how": None}
    return {
        "encoding": "cp1252", "delimiter": ";", "quotechar": '"', "line_ends": "crlf", "header_line": 1, "rows": rows,
        "columns": [*columns, kept],
    }  # fmt: skip


def _summary(findings: int, rows: int) -> dict[str, Any]:
    example = {"line": 2, "row": 1, "column_index": 0, "value": "12.50", "params": {}, "suggestion": "12,50"}
    by_code = [
        {"code": code, "severity": severity, "count": findings // 4, "rows": rows, "amount_cents": 470,
         "lines": [findings // 240] * 60, "examples": [example] * 3}
        for code, severity in CODES
    ]  # fmt: skip
    return {"rows": rows, "rows_checked": rows, "rows_with_errors": rows, "by_code": by_code}


def one(name: str) -> None:
    """Make one file and print how many bytes it has."""
    import django

    django.setup()
    from django.utils import translation

    from validations.exports import Source, formats
    from validations.models import ValidationRun

    run = ValidationRun.unscoped.select_related("organization", "profile").get()
    size_bytes = 0
    if name != NOTHING:
        with translation.override("fr"):
            for block in formats[name].blocks(Source(run=run, language="fr")):
                size_bytes += len(block)
    print(size_bytes)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["one", name]:
            one(name)
        case ["fill", *numbers]:
            print(*_fill(*map(int, numbers)))
        case _:
            main()
