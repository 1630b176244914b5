"""What the pages and the API read, always inside one organization."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from organizations.models import Organization
from validations.models import BillingRecord, Export, Finding, Profile, RunStatus, ValidationRun

# Column -> what the database sorts by; anything else a client asks for is ignored.
FINDING_SORTS: dict[str, tuple[str, ...]] = {
    "line": ("line", "id"),
    "-line": ("-line", "-id"),
    "code": ("code", "line", "id"),
    "-code": ("-code", "line", "id"),
    "value": ("value", "line", "id"),
    "-value": ("-value", "line", "id"),
    "amount": ("amount_cents", "line", "id"),
    "-amount": ("-amount_cents", "line", "id"),
}
PER_PAGE_LIMIT = 500
# A longer search term finds nothing a shorter one would not, and costs the database.
SEARCH_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its rows, its number, how many rows and pages there are."""

    items: list[Any]
    number: int
    per_page: int
    total: int

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


def findings_filtered(
    run: ValidationRun, *, code: str = "", severity: str = "", search: str = "", sort: str = "line"
) -> QuerySet[Finding]:
    """The run's findings that fit the filters, in the order asked for."""
    findings = findings_of(run)
    if code:
        findings = findings.filter(code=code)
    if severity:
        findings = findings.filter(severity=severity)
    if search := search.strip()[:SEARCH_LENGTH]:
        text = Q(value__icontains=search) | Q(column_label__icontains=search)
        findings = findings.filter(
            text | Q(line=int(search)) if search.isascii() and search.isdigit() else text
        )
    return findings.order_by(*FINDING_SORTS.get(sort, FINDING_SORTS["line"]))


def findings_page(
    run: ValidationRun,
    *,
    code: str = "",
    severity: str = "",
    search: str = "",
    sort: str = "line",
    page: int = 1,
    per_page: int = 50,
) -> Page:
    """One page of the run's findings; without a search the summary knows the total."""
    findings = findings_filtered(run, code=code, severity=severity, search=search, sort=sort)
    total = None if search.strip() else _total(run, code=code, severity=severity)
    return paginate(findings, number=page, per_page=per_page, total=total)


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
