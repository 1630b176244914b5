"""What the page of a completed run shows: rules to choose from, rows in their context, charts and the timeline."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from organizations.models import User
from validations import comparing, steps
from validations.engine import texts
from validations.engine.findings import VALUE_CHARS
from validations.engine.reading import kept_label
from validations.live import attempt_reason
from validations.models import BillingRecord, Comparison, Finding, LogEntry, Severity, ValidationRun
from validations.querysets import (
    FindingFilter,
    Page,
    findings_before,
    findings_of,
    findings_page,
    records_around,
)
from validations.sentences import reader_language
from validations.trends import Week
from validations.veil import OPEN, Veil, veil_for

SEVERITIES = (Severity.ERROR.value, Severity.WARNING.value, Severity.INFO.value)
# The height of the charts in their own units.
CHART_HEIGHT = 48
PER_PAGE = 25
EVERYTHING = "all"
# Ways to see findings other than one by one.
GROUPS = ("column", "value")
SHOWN_VALUES = 100
# More than a spreadsheet has; a column index is a small number of the database.
MOST_COLUMNS = 100_000
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
    column: int | None = None
    value: str | None = None
    search: str = ""
    sort: str = "line"
    group: str = ""
    page: int = 1
    finding_id: int | None = None
    # A link to one finding need not say on which page it stands.
    is_page_given: bool = False

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """The filters of an address; what makes no sense is as if it were not there."""
        severity, group = query.get("severity", ""), query.get("group", "")
        value = query.get("value")
        return cls(
            code=query.get("code", "").replace("\0", "")[:60],
            severity=severity if severity in SEVERITIES else "",
            column=_whole(query.get("column"), most=MOST_COLUMNS),
            value=None if value is None else value.replace("\0", "")[:VALUE_CHARS],
            search=query.get("q", "").replace("\0", "").strip()[:100],
            sort=query.get("sort", "line")[:20],
            group=group if group in GROUPS else "",
            page=_whole(query.get("page")) or 1,
            finding_id=_whole(query.get("finding")),
            is_page_given="page" in query,
        )

    def wanted(self, chosen: "RuleRow | None" = None, veil: Veil = OPEN) -> FindingFilter:
        """The findings that are asked for, those of the chosen rule where one is, as far as the reader may see."""
        code = "" if self.code == EVERYTHING else self.code
        return FindingFilter(
            code=chosen.code if chosen else code,
            severity=chosen.severity if chosen else self.severity,
            column=self.column,
            value=self.value,
            search=self.search,
            veil=veil,
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
class Facet:
    """One column, or one value of a rule in a column, with how many findings it has."""

    column: int | None
    letter: str
    label: str
    count: int
    share: str
    value: str = ""
    code: str = ""
    severity: str = ""


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
    # The columns to choose from, whatever column is chosen now.
    facets: tuple[Facet, ...] = ()
    # The frequent values of what is shown, and how many different ones there are.
    values: tuple[Facet, ...] = ()
    value_count: int = 0

    @property
    def chosen_facet(self) -> Facet | None:
        """The column that is chosen."""
        return next((facet for facet in self.facets if facet.column == self.filters.column), None)


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


def explorer(run: ValidationRun, filters: Filters, veil: Veil) -> Explorer:
    """The findings that the filters ask for; without a choice those of the most important rule."""
    rows = rule_rows(run)
    chosen = _chosen(rows, filters)
    wanted = filters.wanted(chosen, veil)
    page = findings_page(
        run, wanted, sort=filters.sort, page=_page_number(run, filters, wanted), per_page=PER_PAGE
    )
    veil.over_all(page.items)
    opened = _opened(page.items, filters.finding_id)
    values = value_facets(run, wanted) if filters.group == "value" else ()
    return Explorer(
        groups=_groups(rows),
        chosen=chosen,
        filters=filters,
        page=page,
        opened=opened,
        context=row_context(run, opened, veil) if opened else None,
        columns=histogram(chosen.histogram, chosen.severity) if chosen else (),
        facets=column_facets(run, replace(wanted, column=None)),
        values=values,
        value_count=sum(row["values"] for row in wanted.counts(run)) if values else 0,
    )


def column_facets(run: ValidationRun, wanted: FindingFilter) -> tuple[Facet, ...]:
    """The columns in which findings fit, the fullest first; values and text are not looked at."""
    counts = Counter[int | None]()
    for row in wanted.counts(run):
        counts[row["column_index"]] += row["count"]
    most = max(counts.values(), default=0)
    return tuple(
        Facet(column=column, count=count, share=_share(count, most), **_name_of(run, column, wanted.veil))
        for column, count in counts.most_common()
    )


def value_facets(run: ValidationRun, wanted: FindingFilter) -> tuple[Facet, ...]:
    """The frequent values among the findings that fit, each for one rule in one column."""
    rows = wanted.values(run)[:SHOWN_VALUES]
    most = rows[0]["count"] if rows else 0
    return tuple(
        Facet(
            column=row["column_index"],
            count=row["count"],
            share=_share(row["count"], most),
            value=row["value"],
            code=row["code"],
            severity=row["severity"],
            **_name_of(run, row["column_index"], wanted.veil),
        )
        for row in rows
    )


def _page_number(run: ValidationRun, filters: Filters, wanted: FindingFilter) -> int:
    """The page asked for; the one on which a finding stands that is asked for by itself."""
    if filters.is_page_given or not filters.finding_id or filters.sort != "line":
        return filters.page
    finding = findings_of(run).filter(pk=filters.finding_id, line__isnull=False).first()
    return 1 + findings_before(run, wanted, finding) // PER_PAGE if finding else 1


def _name_of(run: ValidationRun, index: int | None, veil: Veil) -> dict[str, str]:
    """Letter and label of a column; empty for what stands in none."""
    for column in run.reading.get("columns", []):
        if column.get("index") == index:
            label = veil.over_label(str(column.get("label", "")), column.get("field"))
            return {
                "letter": str(column.get("letter", "")),
                "label": texts.plain(label),
            }
    return {"letter": "", "label": ""}


def _share(count: int, most: int) -> str:
    return _svg(max(count * 100 / most, _SMALLEST_BAR) if most else 0)


def comparison(run: ValidationRun, earlier: ValidationRun, query: QueryDict, reader: User) -> dict[str, Any]:
    """What the page of two runs shows: the sums, the rules, and the findings of the rule and kind that are chosen."""
    compared = comparing.comparison_of(run, earlier)
    changes = comparing.changes_of(compared)
    totals = {kind: sum(getattr(change, kind) for change in changes) for kind in comparing.KINDS}
    fallback = next((kind for kind in ("new", "still", "fixed") if totals[kind]), "new")
    kind = query.get("kind") if query.get("kind") in comparing.KINDS else fallback
    wanted = (query.get("code", ""), query.get("severity", ""))
    fitting = [change for change in changes if getattr(change, str(kind))]
    chosen = next((change for change in fitting if (change.code, change.severity) == wanted), None)
    chosen = chosen or next(iter(fitting), None)
    page = chosen and comparing.compared_page(
        compared, chosen, str(kind), page=_whole(query.get("page")) or 1, per_page=PER_PAGE
    )
    if page:
        veil_for(reader, earlier if kind == "fixed" else run).over_all(page.items)
    most = max((change.fixed + change.new + change.still for change in changes), default=0)
    return {
        "changes": [
            (change, _stacked([(each, getattr(change, each)) for each in comparing.KINDS], most))
            for change in changes
        ],
        "totals": totals,
        "kind": kind,
        "chosen": chosen,
        "page": page,
        "is_same": not totals["new"] and not totals["fixed"],
    }


def compared_before(run: ValidationRun) -> dict[str, Any] | None:
    """The sums of the comparison with the run before, where it was counted already; None where there is none."""
    kept = Comparison.objects.for_organization(run.organization_id).filter(run=run)
    found = (
        kept.select_related("earlier")
        .defer("listed", "earlier__summary", "earlier__reading")
        .order_by("-earlier__created_at")
        .first()
    )
    if found is None:
        return None
    sums = {kind: sum(row[kind] for row in found.counts) for kind in comparing.KINDS}
    return sums | {"earlier": found.earlier}


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


@dataclass(frozen=True, slots=True)
class ColumnBar:
    """One column of the file with its findings: how many of each severity, and the parts of its bar."""

    column: int
    letter: str
    label: str
    count: int
    counts: tuple[tuple[str, int], ...]
    parts: tuple[tuple[str, str, str], ...]


def column_bars(run: ValidationRun, veil: Veil) -> tuple[ColumnBar, ...]:
    """The columns with findings, the fullest first."""
    by_index: dict[int, Counter[str]] = {}
    for row in FindingFilter().counts(run):
        if row["column_index"] is not None:
            by_index.setdefault(row["column_index"], Counter())[row["severity"]] += row["count"]
    most = max((counts.total() for counts in by_index.values()), default=0)
    bars = [
        ColumnBar(
            column=index,
            count=counts.total(),
            counts=tuple((severity, counts[severity]) for severity in SEVERITIES),
            parts=_stacked([(severity, counts[severity]) for severity in SEVERITIES], most),
            **_name_of(run, index, veil),
        )
        for index, counts in by_index.items()
    ]
    return tuple(sorted(bars, key=lambda bar: (-bar.count, bar.column)))


def _stacked(counts: Iterable[tuple[str, int]], most: int) -> tuple[tuple[str, str, str], ...]:
    """The parts of one bar: what each is, where it begins and how wide it is, as SVG wants it."""
    parts, x = [], 0.0
    for name, count in counts:
        width = max(count * 100 / most, 0.4) if most and count else 0.0
        if width:
            parts.append((name, _svg(x), _svg(width)))
        x += width
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class WeekBar:
    """One week of the chart of files: the parts of its bar, from the bottom."""

    week: Week
    x: str
    accepted_y: str
    accepted_height: str
    refused_y: str
    refused_height: str


def week_bars(weeks: list[Week]) -> list[WeekBar]:
    """The bars of the weeks, as high as there were files."""
    most = max((week.files for week in weeks), default=0)
    bars = []
    for index, week in enumerate(weeks):
        accepted = week.files_accepted * CHART_HEIGHT / most if most else 0.0
        refused = (week.files - week.files_accepted) * CHART_HEIGHT / most if most else 0.0
        bars.append(
            WeekBar(
                week=week,
                x=_svg(index * 10 + 1),
                accepted_y=_svg(CHART_HEIGHT - accepted),
                accepted_height=_svg(accepted),
                refused_y=_svg(CHART_HEIGHT - accepted - refused),
                refused_height=_svg(refused),
            )
        )
    return bars


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


def not_checked(run: ValidationRun) -> list[tuple[str, int]]:
    """The rules that left rows out because of another error in them, with how many; the most first."""
    counts = run.summary.get("not_checked", {})
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def columns(run: ValidationRun, veil: Veil) -> list[dict[str, str]]:
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
        for column in veil.over_reading(run.reading).get("columns", [])
    ]


def _title(profile_field: dict[str, Any]) -> str:
    titles = profile_field.get("titles", {})
    return str(
        titles.get(reader_language()[:2]) or profile_field.get("title") or profile_field.get("name") or ""
    )


def row_context(run: ValidationRun, finding: Finding, veil: Veil) -> RowContext | None:
    """The finding's row with its neighbours, the cell marked; None for what concerns the whole file."""
    if finding.row is None:
        return None
    columns = _columns_of(run)
    records = list(records_around(run, finding.row))
    if not any(record.row == finding.row for record in records):
        return None
    rows = [
        ContextRow(
            line=record.line,
            is_row=record.row == finding.row,
            cells=tuple(_cell(record, column, finding, veil) for column in columns),
        )
        for record in records
    ]
    return RowContext(
        headers=tuple(
            (
                str(column.get("letter", "")),
                veil.over_label(str(column.get("label", "")), column.get("field")),
            )
            for column in columns
        ),
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
        share=_share(row["count"], most),
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


def _columns_of(run: ValidationRun) -> list[dict[str, Any]]:
    """The columns with a name, each with the key under which a record keeps it when it has no place of its own."""
    columns = run.reading.get("columns", [])
    labels = [str(column.get("label", "")) for column in columns]
    names = [entry["name"] for entry in run.profile.descriptor.get("fields", [])]
    return [
        column | {"key": kept_label(labels, index, names)}
        for index, column in enumerate(columns)
        if column.get("field") or column.get("label")
    ]


def _cell(record: BillingRecord, column: dict[str, Any], finding: Finding, veil: Veil) -> Cell:
    is_hit = record.row == finding.row and column.get("index") == finding.column_index
    name = str(column.get("field") or "")
    text = finding.value if is_hit and finding.value else _text_of(record, name, str(column.get("key", "")))
    text = veil.over_text(text, column.get("index"))
    return Cell(text=texts.plain(text), is_hit=is_hit, is_number=name in _MONEY or name == "units")


def _text_of(record: BillingRecord, name: str, key: str) -> str:
    """A cell as the file has it where its text is kept, else as the reader writes it."""
    kept = next((record.extra[place] for place in (key, name) if place in record.extra), None)
    if kept is not None or not name:
        return str(kept or "")
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


def _whole(text: str | None, most: int = 10**18) -> int | None:
    """A whole number that a database takes, up to `most`, or None."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text) if int(text) <= most else None
