"""A small way into the checking half: rows in, findings out, without a file."""

import csv
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from validations.engine.earlier import EARLIER_COLUMNS, EarlierRun
from validations.engine.judge import FINDING_COLUMNS, RECORD_COLUMNS, Judge
from validations.engine.options import Options
from validations.engine.profile import Profile, load_profile
from validations.engine.report import Summary

TODAY = date(2026, 3, 20)
GOOD = {
    "row_no": "1", "invoice_number": "123456789", "record_id": "12345678901", "service_date": "2026-03-02",
    "start_time": "", "end_time": "", "period": "202610", "place": "50137", "sector": "", "diagnosis": "",
    "code": "15804", "units": "1", "role": "1", "context": "G160", "amount": "22,75", "amount_paid": "22,75",
    "provider": "1632084-12345, Gagné Marie, Pédiatrie", "agency": "", "patient": "TREM85010112 Tremblay, Jean",
    "grand_total": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """What checking a few rows came to."""

    findings: list[dict[str, Any]]
    records: list[dict[str, Any]]
    summary: Summary

    def of(self, code: str) -> list[dict[str, Any]]:
        """The findings of one code."""
        return [finding for finding in self.findings if finding["code"] == code]

    def rows_of(self, code: str) -> list[int | None]:
        """The rows at which one code was found."""
        return [finding["row"] for finding in self.of(code)]

    @property
    def codes(self) -> set[str]:
        """Every code found."""
        return {finding["code"] for finding in self.findings}


JudgeRows = Callable[..., Judged]
Earlier = Sequence[tuple[EarlierRun, Sequence[Mapping[str, str | None]]]]


def lines(*changes: Mapping[str, str | None]) -> list[dict[str, str | None]]:
    """Right lines, each with an invoice, a record and a patient of its own unless the change says otherwise."""
    made: list[dict[str, str | None]] = []
    for index, change in enumerate(changes):
        own: dict[str, str | None] = {
            "row_no": str(index + 1),
            "invoice_number": f"{123456789 + index:09d}",
            "record_id": f"{12345678901 + index:011d}",
            "patient": f"TREM850101{10 + index:02d} Tremblay, Jean",
        }
        made.append({**GOOD, **own, **change})
    return made


def settings(**rules: Mapping[str, Any] | str) -> Profile:
    """The Quebec profile with other rule settings; underscores in names stand for hyphens."""
    descriptor = dict(load_profile("quebec-medical").descriptor)
    descriptor["rules"] = {name.replace("_", "-"): value for name, value in rules.items()}
    return Profile.from_descriptor(descriptor)


def judge_table(
    connection: duckdb.DuckDBPyConnection,
    rows: Sequence[Mapping[str, str | None]],
    *,
    profile: Profile | None = None,
    labels: Sequence[str] | None = None,
    options: Options | None = None,
    earlier: Earlier | None = None,
) -> Judged:
    """What is found in rows given by field, under the profile's own headers or under others.

    `earlier` are runs of the past with their rows, the oldest first.
    """
    chosen = profile or load_profile("quebec-medical")
    names = list(rows[0]) if rows else list(GOOD)
    fields = chosen.by_name()
    header = labels or [fields[name].label if name in fields else name for name in names]
    _load(connection, [[row[name] for name in names] for row in rows], len(names))
    judge = Judge(connection, header, chosen, options or Options(today=TODAY))
    try:
        return _judged(judge, len(rows), earlier)
    finally:
        judge.close()


def _load(connection: duckdb.DuckDBPyConnection, rows: list[list[str | None]], width: int) -> None:
    columns = ", ".join(f"c{index} VARCHAR" for index in range(width))
    connection.execute(f"CREATE TABLE cells (row BIGINT, {columns})")
    for number, cells in enumerate(rows, start=1):
        marks = ", ".join("?" * (width + 1))
        connection.execute(f"INSERT INTO cells VALUES ({marks})", [number, *cells])  # noqa: S608 - marks only
    connection.execute(
        "CREATE TABLE lines (first_row BIGINT, first_line BIGINT); INSERT INTO lines VALUES (1, 2)"
    )
    connection.execute(
        "CREATE TABLE findings (code VARCHAR, severity VARCHAR, row BIGINT, line BIGINT, column_index INTEGER, "
        "value VARCHAR, params VARCHAR, suggestion VARCHAR, amount_cents BIGINT)"
    )


def past_run(number: int = 1, *, is_refused: bool = False) -> EarlierRun:
    """A run of last month."""
    return EarlierRun(number, f"run-{number}", f"file{number}.csv", date(2026, 2, number), is_refused)


def _load_earlier(judge: Judge, earlier: Earlier) -> None:
    """Hand the rows of earlier runs over as the site does: what the rules ask for, as text in a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for run, rows in earlier:
            for line, row in enumerate(rows, start=2):
                cents = (row["amount_paid"] or "").replace(",", "")
                writer.writerow(
                    [run.number, line, *(row[name] or "" for name in EARLIER_COLUMNS[2:-1]), cents]
                )
        file.flush()
        judge.load_earlier(Path(file.name), [run for run, _rows in earlier])


def _judged(judge: Judge, count: int, earlier: Earlier | None) -> Judged:
    judge.type_values(lambda: None)
    if earlier is not None:
        _load_earlier(judge, earlier)
    records = [
        dict(zip(RECORD_COLUMNS, record, strict=True))
        for batch in judge.batches(judge.records_query(), 100)
        for record in batch
    ]
    summary = judge.run_rules(lambda share: None, rows=count, last_line=count + 1)
    findings = [
        dict(zip(FINDING_COLUMNS, finding, strict=True))
        for batch in judge.batches(judge.findings_query(), 100)
        for finding in batch
    ]
    for finding in findings:
        finding["params"] = json.loads(finding["params"])
    return Judged(findings, records, summary)
