"""An organization's runs in time: the share of files, and of rows, that were right when they were first sent."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import BigIntegerField, Count, Exists, OuterRef, Q, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, TruncWeek
from django.utils import timezone

from organizations.models import Organization
from validations.models import RunStatus, ValidationRun, Verdict

WEEKS = 12


@dataclass(frozen=True, slots=True)
class Week:
    """The files that were first sent in one week, which begins on a Monday; those accepted include warnings."""

    first_day: date
    files: int = 0
    files_accepted: int = 0
    rows: int = 0
    rows_with_errors: int = 0

    @property
    def file_percent(self) -> int | None:
        """The share of files accepted at first sending; None in a week without files."""
        return round(self.files_accepted * 100 / self.files) if self.files else None

    @property
    def row_percent(self) -> float | None:
        """The share of rows without an error at first sending; None in a week without rows."""
        return round((self.rows - self.rows_with_errors) * 100 / self.rows, 1) if self.rows else None


def first_pass(organization: Organization) -> list[Week]:
    """The last weeks, the oldest first; empty where nothing was sent before this week.

    A file is first sent by a run that repeats and replaces no other, under a name that was not sent before.
    """
    monday = timezone.localdate() - timedelta(days=timezone.localdate().weekday())
    oldest = monday - timedelta(weeks=WEEKS - 1)
    runs = ValidationRun.objects.for_organization(organization)
    before = runs.filter(file_name=OuterRef("file_name"), created_at__lt=OuterRef("created_at"))
    since = timezone.make_aware(datetime.combine(oldest, time.min))
    first = runs.filter(
        ~Exists(before), status=RunStatus.COMPLETED, repeats=None, replaces=None, created_at__gte=since
    )
    wrong = Cast(KeyTextTransform("rows_with_errors", "summary"), BigIntegerField())
    found = (
        first.annotate(week=TruncWeek("created_at"))
        .order_by("week")
        .values("week")
        .annotate(
            files=Count("pk"),
            files_accepted=Count("pk", filter=~Q(verdict=Verdict.REFUSED)),
            rows=Coalesce(Sum("rows_total"), 0),
            rows_with_errors=Coalesce(Sum(wrong), 0),
        )
    )
    weeks = {
        row["week"].date(): Week(
            row["week"].date(), row["files"], row["files_accepted"], row["rows"], row["rows_with_errors"]
        )
        for row in found
    }
    if not any(day < monday for day in weeks):
        return []
    days = [oldest + timedelta(weeks=number) for number in range(WEEKS)]
    return [weeks.get(day) or Week(day) for day in days if day >= min(weeks)]
