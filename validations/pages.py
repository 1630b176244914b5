"""What the page of a completed run shows: rules to choose from, rows in their context, charts and the timeline."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from organizations.models import User
from validations import steps
from validations.engine import texts
from validations.live import attempt_reason
from validations.models import BillingRecord, Finding, LogEntry, Severity, ValidationRun
from validations.querysets import Page, findings_page, records_around
from validations.sentences import reader_language

SEVERITIES = (Severity.ERROR.value, Severity.WARNING.value, Severity.INFO.value)
# The height of the charts in their own units.
CHART_HEIGHT = 48
PER_PAGE = 25
EVERYTHING = "all"
# Bars below this share of the width would not be seen.
_SMALLEST_BAR = 1.5
# Fields that hold cents.
_MONEY = {"amount": "amount_cents", "amount_paid": "amount_paid_cents"}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule of the run with what it found."""

    code: str
    severity: str
    count: int
    lines: int
    amount_cents: int | None
    share: str
    histogram: tuple[int, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other rows: a rule may find errors and warnings."""
        return self.code, self.severity


@dataclass(frozen=True, slots=True)
class Column:
    """One bar of a chart: position and height in the chart's units, already written as SVG wants them."""

    x: str
    y: str
    width: str
    height: str
    severity: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What the reader asked to see, as the address says it."""

    code: str = ""
    severity: str = ""
    search: str = ""
    sort: str = "line"
    page: int = 1
    finding_id: int | None = None

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """The filters of an address; what makes no sense is as if it were not there."""
        severity = query.get("severity", "")
        return cls(
            code=query.get("code", "").replace("\0", "")[:60],
            severity=severity if severity in SEVERITIES else "",
            search=query.get("q", "").replace("\0", "").strip()[:100],
            sort=query.get("sort", "line")[:20],
            page=_whole(query.get("page")) or 1,
            finding_id=_whole(query.get("finding")),
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a row in its context."""

    text: str
    is_hit: bool = False
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class ContextRow:
    """One line of the file near a finding."""

    line: int
    cells: tuple[Cell, ...]
    is_row: bool


@dataclass(frozen=True, slots=True)
class RowContext:
    """The lines around a finding, with their column titles."""

    headers: tuple[tuple[str, str], ...]
    rows: tuple[ContextRow, ...]


@dataclass(frozen=True, slots=True)
class Explorer:
    """The part of the page where findings are looked at."""

    groups: tuple[tuple[str, str, tuple[RuleRow, ...]], ...]
    chosen: RuleRow | None
    filters: Filters
    page: Page
    opened: Finding | None = None
    context: RowContext | None = None
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One step of the run's timeline."""

    at: datetime
    text: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """Where in the file the findings lie, by severity."""

    columns: tuple[Column, ...]
    last_row: int
    totals: tuple[tuple[str, str, int], ...] = field(default=())


def rule_rows(run: ValidationRun) -> tuple[RuleRow, ...]:
    """The rules that found something: errors first, the most frequent first."""
    found = run.summary.get("by_code", [])
    most: dict[str, int] = {}
    for row in found:
        most[row["severity"]] = max(most.get(row["severity"], 0), row["count"])
    rows = [_rule_row(row, most[row["severity"]]) for row in found if row["severity"] in SEVERITIES]
    return tuple(sorted(rows, key=lambda row: (SEVERITIES.index(row.severity), -row.count, row.code)))


def explorer(run: ValidationRun, filters: Filters) -> Explorer:
    """The findings that the filters ask for; without a choice those of the most important rule."""
    rows = rule_rows(run)
    chosen = _chosen(rows, filters)
    code = "" if filters.code == EVERYTHING else (chosen.code if chosen else filters.code)
    severity = chosen.severity if chosen else filters.severity
    page = findings_page(
        run,
        code=code,
        severity=severity,
        search=filters.search,
        sort=filters.sort,
        page=filters.page,
        per_page=PER_PAGE,
    )
    opened = _opened(page.items, filters.finding_id)
    return Explorer(
        groups=_groups(rows),
        chosen=chosen,
        filters=filters,
        page=page,
        opened=opened,
        context=row_context(run, opened) if opened else None,
        columns=histogram(chosen.histogram, chosen.severity) if chosen else (),
    )


def overview(run: ValidationRun) -> Overview:
    """Findings over the length of the file, stacked by severity."""
    rows = rule_rows(run)
    by_severity = {
        severity: _sum(row.histogram for row in rows if row.severity == severity) for severity in SEVERITIES
    }
    highest = max(
        (sum(counts) for counts in zip(*_same_length(by_severity.values()), strict=True)), default=0
    )
    columns: list[Column] = []
    for index in range(max(map(len, by_severity.values()), default=0)):
        y = float(CHART_HEIGHT)
        for severity in SEVERITIES:
            counts = by_severity[severity]
            if index < len(counts) and counts[index] and highest:
                height = max(counts[index] / highest * CHART_HEIGHT, _SMALLEST_BAR)
                y -= height
                columns.append(_column(index, y, height, severity))
    totals = tuple((value, str(Severity(value).label), _count(rows, value)) for value in SEVERITIES)
    return Overview(columns=tuple(columns), last_row=run.summary.get("rows", 0), totals=totals)


def histogram(counts: tuple[int, ...], severity: str) -> tuple[Column, ...]:
    """The bars of one rule over the length of the file."""
    highest = max(counts, default=0)
    return tuple(
        _column(index, CHART_HEIGHT - height, height, severity)
        for index, count in enumerate(counts)
        if count and (height := max(count / highest * CHART_HEIGHT, _SMALLEST_BAR * 2))
    )


def rule_counts(run: ValidationRun) -> dict[str, int]:
    """How many rules found something, by severity."""
    rows = rule_rows(run)
    return {severity: sum(row.severity == severity for row in rows) for severity in SEVERITIES}


def idle_rules(run: ValidationRun) -> list[dict[str, str]]:
    """The rules that could not judge the file, each with the reason."""
    titles = {field["name"]: _title(field) for field in run.profile.descriptor.get("fields", [])}
    missing = [
        {
            "code": code,
            "why": _("the file has no column for %(fields)s")
            % {"fields": ", ".join(titles.get(name, name) for name in names)},
        }
        for code, names in sorted(run.summary.get("missing_fields", {}).items())
    ]
    broken = [
        {"code": code, "why": _("the rule failed; support was told")}
        for code in run.summary.get("broken", [])
    ]
    return broken + missing


def columns(run: ValidationRun) -> list[dict[str, str]]:
    """The file's columns: letter, label, the field each was read as, and how the two were matched."""
    fields = {field["name"]: field for field in run.profile.descriptor.get("fields", [])}
    how = {
        "exact": _("same name"),
        "alias": _("known name"),
        "folded": _("same name but for accents, case or spaces"),
        "close": _("close spelling"),
    }
    return [
        {
            "letter": str(column.get("letter", "")),
            "label": str(column.get("label", "")),
            "title": _title(fields.get(column.get("field") or "", {})),
            "how": how.get(column.get("how") or "", _("not known, kept as it is")),
        }
        for column in run.reading.get("columns", [])
    ]


def _title(profile_field: dict[str, Any]) -> str:
    titles = profile_field.get("titles", {})
    return str(
        titles.get(reader_language()[:2]) or profile_field.get("title") or profile_field.get("name") or ""
    )


def row_context(run: ValidationRun, finding: Finding) -> RowContext | None:
    """The finding's row with its neighbours, the cell marked; None for what concerns the whole file."""
    if finding.row is None:
        return None
    columns = [
        column for column in run.reading.get("columns", []) if column.get("field") or column.get("label")
    ]
    records = list(records_around(run, finding.row))
    if not any(record.row == finding.row for record in records):
        return None
    rows = [
        ContextRow(
            line=record.line,
            is_row=record.row == finding.row,
            cells=tuple(_cell(record, column, finding) for column in columns),
        )
        for record in records
    ]
    return RowContext(
        headers=tuple((str(column.get("letter", "")), str(column.get("label", ""))) for column in columns),
        rows=tuple(rows),
    )


def timeline(run: ValidationRun) -> list[Event]:
    """What happened to the run, oldest first: its log, and why attempts ended early."""
    entries = list(run.log_entries.all())
    reasons = _attempt_reasons(run)
    people = _people(entries)
    return [
        Event(
            at=entry.at,
            text=steps.sentence(entry),
            detail=people.get(entry.pk)
            or (reasons.get(entry.params["attempt"], "") if entry.code == "retrying" else ""),
            tone=_tone(entry.code),
        )
        for entry in entries
    ]


def _attempt_reasons(run: ValidationRun) -> dict[int, str]:
    """Why attempts ended early, by their number."""
    if run.job is None:
        return {}
    return {attempt.number: attempt_reason(attempt) for attempt in run.job.attempts.order_by("fence")}


def _people(entries: Iterable[LogEntry]) -> dict[int, str]:
    """The name of who did it, by log entry."""
    ids = {entry.pk: entry.params["user_id"] for entry in entries if "user_id" in entry.params}
    names = {user.pk: user.get_full_name() for user in User.objects.filter(pk__in=set(ids.values()))}
    return {pk: names[user_id] for pk, user_id in ids.items() if user_id in names}


def _tone(code: str) -> str:
    return {"failed": "error", "retrying": "warning", "cancelled": "warning"}.get(code, "")


def _rule_row(row: dict[str, Any], most: int) -> RuleRow:
    return RuleRow(
        code=row["code"],
        severity=row["severity"],
        count=row["count"],
        lines=row.get("rows") or 0,
        amount_cents=row.get("amount_cents"),
        share=_svg(max(row["count"] * 100 / most, _SMALLEST_BAR) if most else 0),
        histogram=tuple(row.get("lines") or ()),
    )


def _groups(rows: tuple[RuleRow, ...]) -> tuple[tuple[str, str, tuple[RuleRow, ...]], ...]:
    headings = {"error": _("Errors"), "warning": _("Warnings"), "info": _("Remarks")}
    groups = (
        (value, headings[value], tuple(row for row in rows if row.severity == value)) for value in SEVERITIES
    )
    return tuple(group for group in groups if group[2])


def _chosen(rows: tuple[RuleRow, ...], filters: Filters) -> RuleRow | None:
    if filters.code == EVERYTHING:
        return None
    fitting = [row for row in rows if not filters.severity or row.severity == filters.severity]
    if filters.code:
        return next((row for row in fitting if row.code == filters.code), None)
    return fitting[0] if fitting else None


def _opened(findings: list[Any], finding_id: int | None) -> Finding | None:
    """The finding whose row is shown: the one asked for, or the first with a row."""
    if finding_id is not None:
        return next((finding for finding in findings if finding.pk == finding_id), None)
    return next((finding for finding in findings if finding.row is not None), None)


def _cell(record: BillingRecord, column: dict[str, Any], finding: Finding) -> Cell:
    is_hit = record.row == finding.row and column.get("index") == finding.column_index
    name = str(column.get("field") or "")
    text = finding.value if is_hit and finding.value else _text_of(record, name, str(column.get("label", "")))
    return Cell(text=texts.plain(text), is_hit=is_hit, is_number=name in _MONEY or name == "units")


def _text_of(record: BillingRecord, name: str, label: str) -> str:
    """A cell as the reader writes it; the raw text where it could not be read as what it should be."""
    if name in record.extra:
        return str(record.extra[name])
    if not name:
        return str(record.extra.get(label, ""))
    value: Any = getattr(record, _MONEY.get(name, name), "")
    if value is None:
        return ""
    if name in _MONEY:
        return texts.format_money(value, reader_language())
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return texts.format_number(value, reader_language()) if isinstance(value, Decimal) else str(value)


def _sum(histograms: Iterable[tuple[int, ...]]) -> list[int]:
    total: list[int] = []
    for counts in histograms:
        total.extend([0] * (len(counts) - len(total)))
        for index, count in enumerate(counts):
            total[index] += count
    return total


def _same_length(rows: Iterable[list[int]]) -> list[list[int]]:
    lists = list(rows)
    longest = max(map(len, lists), default=0)
    return [row + [0] * (longest - len(row)) for row in lists]


def _count(rows: tuple[RuleRow, ...], severity: str) -> int:
    return sum(row.count for row in rows if row.severity == severity)


def _column(index: int, y: float, height: float, severity: str) -> Column:
    return Column(x=_svg(index * 10 + 1), y=_svg(y), width="8", height=_svg(height), severity=severity)


def _svg(value: float) -> str:
    """A number as SVG wants it in every language: with a point."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _whole(text: str | None) -> int | None:
    """A whole number that a database takes, or None."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)
