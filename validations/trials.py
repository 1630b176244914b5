"""A rule of staff tried on a past run, which is built again from its billing records: its file is gone by then."""

import csv
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from validations.engine import texts
from validations.engine.check import RECORD_COLUMNS, Check
from validations.engine.errors import EngineError, UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import Field
from validations.engine.profile import Profile as EngineProfile
from validations.files import engine_folder
from validations.models import BillingRecord, RunStatus, StaffRule, ValidationRun
from validations.ownrules import as_engine_rule, note_trial

# Enough to see whether a rule says what it should; a page waits for it.
TRIAL_ROWS = 50_000
EXAMPLES = 5
CHUNK_ROWS = 2_000
# Names no field: kept, and matched with nothing.
LINE_LABEL = "=== line ==="


@dataclass(frozen=True, slots=True)
class Example:
    """One finding that the rule would make."""

    line: int
    value: str
    params: dict[str, Any]
    suggestion: str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would find in a run: of so many rows looked at, so many findings; `failed` where it could not run."""

    rows: int
    rows_total: int
    found: int
    examples: tuple[Example, ...]
    failed: bool = False


def runs_to_try(rule: StaffRule) -> QuerySet[ValidationRun]:
    """The completed runs by the rule's profile, of its organization where it has one, the newest first."""
    runs = ValidationRun.unscoped.filter(
        status=RunStatus.COMPLETED, result__isnull=False, profile__name=rule.profile_name
    )
    of_rule = Q(organization_id=rule.organization_id) if rule.organization_id else Q()
    return runs.filter(of_rule).select_related("organization", "profile").order_by("-created_at")


def try_rule(rule: StaffRule, run: ValidationRun) -> Trial:
    """What the rule would find in the first rows of the run; kept with the rule, without any cell."""
    profile = EngineProfile.from_descriptor(run.profile.descriptor)
    with tempfile.TemporaryDirectory(prefix="trial-", dir=engine_folder()) as folder:
        source = Path(folder) / "records.csv"
        rows = _write(source, run, profile)
        trial = _judged(source, rule, run, profile, rows)
    kept = {
        "run": str(run.pk), "file": run.file_name, "rows": trial.rows, "rows_total": trial.rows_total,
        "found": trial.found, "lines": [example.line for example in trial.examples],
    }  # fmt: skip
    note_trial(rule, kept | ({"error": "failed"} if trial.failed else {}))
    return trial


def _judged(source: Path, rule: StaffRule, run: ValidationRun, profile: EngineProfile, rows: int) -> Trial:
    total = run.summary.get("rows", rows)
    options = Options(
        encoding="utf-8",
        delimiter=",",
        quotechar='"',
        header_line=1,
        today=timezone.localdate(run.created_at),
        memory_limit_mb=settings.ENGINE_MEMORY_LIMIT_MB,
        temp_dir=engine_folder(),
    )
    try:
        with Check(source, profile, options, own_rules=(as_engine_rule(rule),)) as check:
            check.read()
            found = check.try_own_rule(EXAMPLES)
    except (UnreadableFileError, EngineError):
        found = None
    if found is None:
        return Trial(rows, total, 0, (), failed=True)
    examples = tuple(
        Example(int(line), value or "", json.loads(params or "{}"), suggestion)
        for _row, value, params, suggestion, line in found[1]
    )
    return Trial(rows, total, found[0], examples)


def message_of(rule: StaffRule, example: Example, language: str) -> str:
    """The finding as its organization would read it."""
    template = rule.message_fr if language.startswith("fr") else rule.message_en
    return texts.render(template, example.params, language)


def _write(target: Path, run: ValidationRun, profile: EngineProfile) -> int:
    """How many records of the run were written as a file in the profile's own form."""
    labels = {
        column["field"]: column["label"] for column in run.reading.get("columns", []) if column.get("field")
    }
    count = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow([LINE_LABEL, *(field.label for field in profile.fields)])
        for record in _records(run):
            count += 1
            writer.writerow([record.line, *(_cell(record, field, labels) for field in profile.fields)])
    return count


def _records(run: ValidationRun) -> Iterator[BillingRecord]:
    records = BillingRecord.objects.for_organization(run.organization_id).filter(result_id=run.result_id)
    return iter(records.order_by("row")[:TRIAL_ROWS].iterator(chunk_size=CHUNK_ROWS))


def _cell(record: BillingRecord, field: Field, labels: dict[str, str]) -> str:
    """A value as a file of the profile writes it; the text of a cell that could not be read as it was."""
    value = getattr(record, field.column) if field.column in RECORD_COLUMNS else None
    if value in (None, ""):
        return str(record.extra.get(labels.get(field.name, field.label), record.extra.get(field.name, "")))
    return _text(value, field)


def _text(value: Any, field: Field) -> str:
    if isinstance(value, date):
        return value.strftime(field.formats[0] if field.formats else "%Y-%m-%d")
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if field.unit == "cents" and isinstance(value, int):
        whole, cents = divmod(abs(value), 100)
        return f"{'-' if value < 0 else ''}{whole}{field.decimal_char}{cents:02d}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}".replace(".", field.decimal_char)
    return str(value)
