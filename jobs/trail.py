"""Reading the audit trail: by filters, a page at a time, and as lines for a spreadsheet or a program."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import tenants
from jobs.models import ActionKind, AuditEntry
from jobs.safecells import safe_cell

PER_PAGE = 50
# Rows read at once; between two pieces no cursor is open.
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class TrailFilters:
    """Which lines are wanted; what is empty is not asked."""

    action: str = ""
    person: str = ""
    target: str = ""
    address: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "TrailFilters":
        """The filters of an address; what makes no sense is as if it were not there."""
        action = query.get("action", "")
        return cls(
            action=action if action in ActionKind.values else "",
            person=_plain(query.get("person", "")),
            target=_plain(query.get("target", "")),
            address=_plain(query.get("address", "")),
            since=_day(query.get("since", "")),
            until=_day(query.get("until", "")),
        )

    @property
    def asked(self) -> dict[str, str]:
        """What is asked for, in words that a line of the trail can keep."""
        return {name: str(value) for name, value in asdict(self).items() if value}

    def over(self, lines: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Those of the lines that fit, the newest first."""
        if self.action:
            lines = lines.filter(action=self.action)
        if self.person:
            lines = lines.filter(by_name__istartswith=self.person)
        if self.target:
            lines = lines.filter(target__startswith=self.target)
        if self.address:
            lines = lines.filter(address__startswith=self.address)
        if self.since:
            lines = lines.filter(at__gte=_midnight(self.since))
        if self.until:
            lines = lines.filter(at__lt=_midnight(self.until + timedelta(days=1)))
        return lines.order_by("-id")


@dataclass(frozen=True, slots=True)
class TrailPage:
    """Some lines, and the id behind which the next ones stand; None where these are the last."""

    lines: list[AuditEntry]
    before: int | None


def page_of(lines: QuerySet[AuditEntry], before: int | None) -> TrailPage:
    """The next lines behind that id: as fast at the millionth as at the first."""
    rows = list((lines.filter(id__lt=before) if before else lines)[: PER_PAGE + 1])
    return TrailPage(rows[:PER_PAGE], rows[PER_PAGE - 1].pk if len(rows) > PER_PAGE else None)


def what_of(line: AuditEntry) -> str:
    """What it was done to, in a word and a name."""
    kinds = {
        "run": _("run"), "key": _("API key"), "role": _("role"), "member": _("member"), "person": _("person"),
        "organization": _("organization"), "job": _("job"), "queue": _("queue"), "schedule": _("schedule"),
        "batch": _("batch"), "invitation": _("invitation"), "trail": _("audit trail"),
    }  # fmt: skip
    return f"{kinds.get(line.target_kind, line.target_kind)} {line.target}".strip()


def as_csv(lines: QuerySet[AuditEntry], delimiter: str) -> Iterator[bytes]:
    """The lines for a spreadsheet, with a byte-order mark so that it reads the letters rightly."""
    writer = csv.writer(_Echo(), delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    head = [_("At"), _("Who"), _("What"), _("To what"), _("Organization"), _("From"), _("How many"), _("Why")]
    yield b"\xef\xbb\xbf" + writer.writerow([*head, _("Details")])
    for piece in _pieces(lines):
        names = tenants.names({line.tenant_id for line in piece})
        yield b"".join(writer.writerow(map(safe_cell, _cells(line, names))) for line in piece)


def as_json_lines(lines: QuerySet[AuditEntry]) -> Iterator[bytes]:
    """The lines for a program, one JSON object on each."""
    for piece in _pieces(lines):
        yield b"".join(json.dumps(_object(line), ensure_ascii=False).encode() + b"\n" for line in piece)


class _Echo:
    """Takes what the csv writer writes and hands it back as bytes."""

    def write(self, text: str) -> bytes:
        return text.encode()


def _pieces(lines: QuerySet[AuditEntry]) -> Iterator[list[AuditEntry]]:
    before: int | None = None
    while piece := list((lines.filter(id__lt=before) if before else lines)[:CHUNK]):
        yield piece
        before = piece[-1].pk
        if len(piece) < CHUNK:
            return


def _cells(line: AuditEntry, names: Mapping[int, str]) -> list[str]:
    return [
        timezone.localtime(line.at).isoformat(timespec="seconds"),
        line.by_name,
        line.get_action_display(),
        what_of(line),
        names[line.tenant_id] if line.tenant_id is not None else "",
        line.address or "",
        str(line.count),
        line.reason,
        json.dumps(line.details, ensure_ascii=False) if line.details else "",
    ]


def _object(line: AuditEntry) -> dict[str, Any]:
    return {
        "id": line.pk,
        "at": line.at.isoformat(),
        "by": line.by_name,
        "action": line.action,
        "targetKind": line.target_kind,
        "target": line.target,
        "organizationId": line.tenant_id,
        "from": line.address,
        "count": line.count,
        "reason": line.reason,
        "details": line.details,
    }


def _plain(text: str) -> str:
    return text.replace("\0", "").strip()[:150]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
