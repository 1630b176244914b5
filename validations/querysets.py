"""What the pages and the API read, always inside one organization."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, OrderBy, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Collate, Upper
from django.db.models.lookups import Contains

from organizations.models import Organization
from validations.models import AMOUNT_ORDER, BillingRecord, Export, Finding, Profile, RunStatus, ValidationRun
from validations.veil import OPEN, Veil

# Column -> what the database sorts by; anything else a client asks for is ignored.
# Each is the order of one index, forwards or backwards.
FINDING_SORTS: dict[str, tuple[str | OrderBy, ...]] = {
    "line": ("line", "id"),
    "-line": ("-line", "-id"),
    "code": ("code", "line", "id"),
    "-code": ("-code", "-line", "-id"),
    "value": ("value", "line", "id"),
    "-value": ("-value", "-line", "-id"),
    "amount": (AMOUNT_ORDER.asc(), "line", "id"),
    "-amount": (AMOUNT_ORDER.desc(), "-line", "-id"),
}
PER_PAGE_LIMIT = 500
# A longer search term finds nothing a shorter one would not, and costs the database.
SEARCH_LENGTH = 100
# Where nothing was counted beforehand, counting ends here: 400 pages are more than anybody turns.
COUNTED = 10_000
# Line numbers have fewer digits.
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its rows, its number, how many rows and pages there are."""

    items: list[Any]
    number: int
    per_page: int
    total: int
    # There are more than `total`, which nobody has counted.
    has_more: bool = False

    @property
    def page_count(self) -> int:
        """At least one, even for an empty list."""
        return max(1, -(-self.total // self.per_page))

    @property
    def first(self) -> int:
        """The number of the first row shown; 0 where there is none."""
        return (self.number - 1) * self.per_page + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return (self.number - 1) * self.per_page + len(self.items)


def paginate(rows: QuerySet[Any], *, number: int, per_page: int, total: int | None = None) -> Page:
    """One page of the rows; numbers out of range are brought back into it."""
    per_page = min(max(per_page, 1), PER_PAGE_LIMIT)
    count = rows.count() if total is None else total
    last = max(1, -(-count // per_page))
    number = min(max(number, 1), last)
    start = (number - 1) * per_page
    return Page(items=list(rows[start : start + per_page]), number=number, per_page=per_page, total=count)


def runs_list(
    organization: Organization, *, status: str = "", search: str = "", page: int = 1, per_page: int = 25
) -> Page:
    """The organization's runs, newest first."""
    runs = ValidationRun.objects.for_organization(organization).select_related("created_by", "job")
    if status in RunStatus.values:
        runs = runs.filter(status=status)
    if search := search.strip()[:SEARCH_LENGTH]:
        runs = runs.filter(file_name__icontains=search)
    return paginate(runs.order_by("-created_at").defer("summary", "reading"), number=page, per_page=per_page)


def findings_of(run: ValidationRun) -> QuerySet[Finding]:
    """The findings that the run shows; none before it is completed."""
    findings: QuerySet[Finding] = Finding.objects.for_organization(run.organization_id)
    return findings.filter(result_id=run.result_id) if run.result_id else findings.none()


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings are wanted; what is empty or None is not asked."""

    code: str = ""
    severity: str = ""
    column: int | None = None
    value: str | None = None
    search: str = ""
    # What is hidden from the reader is not found by its value, nor ordered by it.
    veil: Veil = OPEN

    def counts(self, run: ValidationRun) -> list[dict[str, Any]]:
        """What was counted by rule, severity and column when the run was completed, as far as it fits."""
        return [row for row in run.summary.get("by_column", []) if self._fits(row)]

    def values(self, run: ValidationRun) -> list[dict[str, Any]]:
        """The frequent values that were counted when the run was completed, as far as they fit; the largest first."""
        rows = [row for row in self.veil.over_summary(run.summary).get("by_value", []) if self._fits(row)]
        return sorted(rows, key=lambda row: -row["count"])

    def _fits(self, row: dict[str, Any]) -> bool:
        return (
            (not self.code or row["code"] == self.code)
            and (not self.severity or row["severity"] == self.severity)
            and (self.column is None or row["column_index"] == self.column)
        )


def findings_filtered(run: ValidationRun, wanted: FindingFilter, sort: str = "line") -> QuerySet[Finding]:
    """The run's findings that fit all filters, in the order asked for."""
    return _filtered(findings_of(run), run, wanted, sort)


def findings_page(
    run: ValidationRun, wanted: FindingFilter, *, sort: str = "line", page: int = 1, per_page: int = 50
) -> Page:
    """One page of the run's findings.

    What was counted when the run was completed is not counted again; other totals end at COUNTED, and the page says so.
    """
    if run.result_id is None:
        return Page(items=[], number=1, per_page=per_page, total=0)
    # The result set is the run's own. A second condition on the organization would keep the database from finding the
    # page in an index alone; the rows themselves are read with it.
    findings = _filtered(Finding.unscoped.filter(result_id=run.result_id), run, wanted, sort)
    per_page = min(max(per_page, 1), PER_PAGE_LIMIT)
    total = _known_total(run, wanted)
    if total is not None:
        return _page_of_ids(run, findings, number=page, per_page=per_page, total=total)
    ids = list(findings.values_list("pk", flat=True)[: COUNTED + 1])
    return page_of_listed(run, ids[:COUNTED], number=page, per_page=per_page, has_more=len(ids) > COUNTED)


def page_of_listed(run: ValidationRun, ids: list[int], *, number: int, per_page: int, has_more: bool) -> Page:
    """One page of the findings with these ids."""
    number = min(max(number, 1), max(1, -(-len(ids) // per_page)))
    items = _in_order(run, ids[(number - 1) * per_page : number * per_page])
    return Page(items=items, number=number, per_page=per_page, total=len(ids), has_more=has_more)


def _page_of_ids(
    run: ValidationRun, findings: QuerySet[Finding], *, number: int, per_page: int, total: int
) -> Page:
    """One page of findings whose total is known, their ids counted off from the nearer end in an index."""
    number = min(max(number, 1), max(1, -(-total // per_page)))
    start, stop = (number - 1) * per_page, min(number * per_page, total)
    ids = findings.values_list("pk", flat=True)
    if start <= total // 2:
        chosen = list(ids[start : max(stop, start + 1)])
    else:
        chosen = list(ids.reverse()[total - stop : total - start])[::-1]
    return Page(items=_in_order(run, chosen), number=number, per_page=per_page, total=total)


def _in_order(run: ValidationRun, ids: list[int]) -> list[Finding]:
    rows = {finding.pk: finding for finding in findings_of(run).filter(pk__in=ids)} if ids else {}
    return [rows[pk] for pk in ids if pk in rows]


def findings_before(run: ValidationRun, wanted: FindingFilter, finding: Finding) -> int:
    """How many findings stand before this one in the order of the file."""
    findings = _filtered(Finding.unscoped.filter(result_id=run.result_id), run, wanted, "line")
    earlier = Q(line__lt=finding.line) | Q(line=finding.line, pk__lt=finding.pk)
    return findings.filter(earlier, line__lte=finding.line).count()


def _filtered(
    findings: QuerySet[Finding], run: ValidationRun, wanted: FindingFilter, sort: str
) -> QuerySet[Finding]:
    """The findings that fit; what is true of all findings of the rule anyway is not asked."""
    of_rule = FindingFilter(code=wanted.code).counts(run)
    if wanted.code:
        findings = findings.filter(code=wanted.code)
    if wanted.severity and not _is_same(of_rule, "severity", wanted.severity):
        findings = findings.filter(severity=wanted.severity)
    if wanted.column is not None and not _is_same(of_rule, "column_index", wanted.column):
        findings = findings.filter(column_index=wanted.column)
    if wanted.value is not None:
        findings = findings.filter(_seen(wanted.veil), value=wanted.value)
    if search := wanted.search.strip()[:SEARCH_LENGTH]:
        findings = findings.filter(_holds(search, run, wanted.veil))
    if wanted.veil.is_drawn and sort.lstrip("-") == "value":
        sort = "line"
    return findings.order_by(*FINDING_SORTS.get(sort, FINDING_SORTS["line"]))


def _seen(veil: Veil) -> Q:
    """The condition that the reader may see the value."""
    return Q() if veil.shown is None else Q(column_index__in=sorted(veil.shown))


def _is_same(counts: list[dict[str, Any]], name: str, value: Any) -> bool:
    return bool(counts) and all(row[name] == value for row in counts)


def _holds(search: str, run: ValidationRun, veil: Veil) -> Q:
    """The condition that a finding's value, column or line holds what was typed."""
    columns = [
        column["index"]
        for column in veil.over_reading(run.reading).get("columns", [])
        if search.casefold() in str(column.get("label", "")).casefold()
    ]
    found = Q(column_index__in=columns) if columns else Q()
    if search.isascii() and search.isdigit():
        found |= Q(line=int(search)) if len(search) < MOST_DIGITS else Q()
    # Databases that compare byte by byte know no capitals but those of ASCII.
    spellings = {search} if search.isascii() else {search, search.upper(), search.lower(), search.title()}
    for spelling in sorted(spellings):
        found |= _value_holds(spelling) & _seen(veil)
    return found


def _value_holds(text: str) -> Q:
    """The condition that the value holds the text, in capitals or not where its letters are ASCII."""
    if connection.vendor != "postgresql":
        return Q(value__icontains=text)
    # Byte by byte: the rules of a language take twice as long, over a million values more than a second.
    return Q(Contains(Upper(Collate("value", "C")), Upper(Collate(Value(text), "C"))))


def _known_total(run: ValidationRun, wanted: FindingFilter) -> int | None:
    """How many findings fit, where that was counted when the run was completed; None where it was not."""
    if wanted.search.strip():
        return None
    if wanted.value is not None:
        return _known_values(run, wanted, wanted.value)
    if "by_column" in run.summary:
        return sum(int(row["count"]) for row in wanted.counts(run))
    return None if wanted.column is not None else _total(run, code=wanted.code, severity=wanted.severity)


def _known_values(run: ValidationRun, wanted: FindingFilter, value: str) -> int | None:
    """How many findings have the value, where every rule and column either lists it or lists all of its values."""
    listed = wanted.values(run)
    having = {_place(row): int(row["count"]) for row in listed if row["value"] == value}
    shown = Counter(_place(row) for row in listed)
    groups = wanted.counts(run)
    if not groups or any(_place(g) not in having and shown[_place(g)] < g["values"] for g in groups):
        return None
    return sum(having.values())


def _place(row: dict[str, Any]) -> tuple[str, str, int | None]:
    return row["code"], row["severity"], row["column_index"]


def _total(run: ValidationRun, *, code: str, severity: str) -> int:
    rows = run.summary.get("by_code", [])
    return sum(
        row["count"]
        for row in rows
        if (not code or row["code"] == code) and (not severity or row["severity"] == severity)
    )


def records_around(
    run: ValidationRun, row: int, *, before: int = 2, after: int = 2
) -> QuerySet[BillingRecord]:
    """The records of the run next to a row, the row itself among them."""
    records: QuerySet[BillingRecord] = BillingRecord.objects.for_organization(run.organization_id)
    near = records.filter(result_id=run.result_id, row__gte=row - before, row__lte=row + after)
    return near.order_by("row")


def find_export(organization: Organization, run_id: UUID, export_id: UUID) -> Export | None:
    """A file made, or being made, of one of the organization's runs."""
    exports = Export.objects.for_organization(organization)
    related = ("run__organization", "run__profile", "job", "created_by")
    found: Export | None = exports.select_related(*related).filter(run_id=run_id, pk=export_id).first()
    return found


def same_file_earlier(run: ValidationRun) -> ValidationRun | None:
    """The newest earlier run of the organization with the same content; the run that this one repeats is none."""
    if not run.sha256:
        return None
    runs = ValidationRun.objects.for_organization(run.organization_id)
    same = runs.filter(sha256=run.sha256, created_at__lt=run.created_at).order_by("-created_at")
    return next((earlier for earlier in same[:2] if earlier.pk != run.repeats_id), None)


def queue_position(run: ValidationRun) -> int:
    """How many runs of the same organization wait before this one; those of others are not told."""
    runs = ValidationRun.objects.for_organization(run.organization_id)
    return int(runs.filter(status=RunStatus.QUEUED, created_at__lt=run.created_at).count())


def status_counts(organization: Organization) -> dict[str, int]:
    """How many runs of the organization are in each status; every status is a key."""
    runs = ValidationRun.objects.for_organization(organization).order_by()
    found = dict(runs.values_list("status").annotate(count=Count("pk")))
    return {status: found.get(status, 0) for status in RunStatus.values}


def profiles_for(organization: Organization) -> QuerySet[Profile]:
    """The newest version of each usable profile; an organization's own hides a shipped one of that name."""
    usable = Profile.objects.filter(Q(organization=None) | Q(organization=organization))
    same_name = usable.filter(name=OuterRef("name"))
    newest = same_name.order_by(F("organization").desc(nulls_last=True), "-version").values("pk")[:1]
    return usable.filter(pk=Subquery(newest)).order_by("name")
