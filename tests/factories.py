"""The smallest valid row of each model."""

from datetime import timedelta
from itertools import count
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from organizations import keys
from organizations.models import Invitation, Membership, Organization, User
from organizations.roles import RoleKey
from validations import services
from validations.models import (
    Export,
    ExportStatus,
    Finding,
    Profile,
    ResultSet,
    RunStatus,
    ValidationRun,
)

PASSWORD = "correct horse battery"
_numbers = count(1)


def organization(**fields: Any) -> Organization:
    """An organization with an address of its own, whose roles nobody has seeded yet."""
    number = next(_numbers)
    made = Organization(**{"name": f"Clinic {number}", "slug": f"clinic-{number}"} | fields)
    # Sends no signal: tests of other things find no job of it.
    return Organization.objects.bulk_create([made])[0]


def user(**fields: Any) -> User:
    """A person who can sign in with PASSWORD."""
    return User.objects.create_user(
        **{"email": f"person{next(_numbers)}@example.com", "password": PASSWORD} | fields
    )


def member(of: Organization, role: str = RoleKey.MEMBER, **fields: Any) -> User:
    """A person with a role in an organization."""
    person = user(**fields)
    Membership.unscoped.create(organization=of, user=person, role=role)
    return person


def api_key(of: Organization | None, user: User, name: str = "Program", **fields: Any) -> str:
    """A key for programs, as it is shown once; of the operators where it is of no organization."""
    return keys.issue(organization=of, user=user, name=name, **fields).secret


def invitation(of: Organization, by: User, email: str = "new@example.com", **fields: Any) -> Invitation:
    """An invitation that waits for an answer, without a letter."""
    defaults: dict[str, Any] = {"role": RoleKey.MEMBER, "expires_at": timezone.now() + timedelta(days=7)}
    made: Invitation = Invitation.unscoped.create(
        organization=of, email=email, invited_by=by, **defaults | fields
    )
    return made


def profile() -> Profile:
    """The shipped default profile."""
    profiles = Profile.objects.filter(organization=None, name=settings.DEFAULT_PROFILE)
    return profiles.order_by("-version")[0]


def upload(content: bytes = b"a;b\r\n1;2\r\n", name: str = "lines.csv") -> SimpleUploadedFile:
    """A file as a browser sends it."""
    return SimpleUploadedFile(name, content, content_type="text/csv")


def run(of: Organization, by: User | None = None, **fields: Any) -> ValidationRun:
    """A run without a file or a job, for pages and permissions."""
    defaults: dict[str, Any] = {
        "file_name": "lines.csv",
        "size_bytes": 10,
        "sha256": "0" * 64,
        "profile": profile(),
    }
    made: ValidationRun = ValidationRun.unscoped.create(organization=of, created_by=by, **defaults | fields)
    return made


def sent_run(of: Organization, by: User, content: bytes = b"a;b\r\n1;2\r\n", **fields: Any) -> ValidationRun:
    """A run as it is after an upload: its file is stored, its job waits."""
    defaults: dict[str, Any] = {"upload": upload(content), "profile": profile()}
    made, _is_new = services.create_run(organization=of, user=by, **defaults | fields)
    return made


def completed_run(
    of: Organization, by: User | None = None, findings: int = 1, **fields: Any
) -> ValidationRun:
    """A completed run that shows a number of equal findings."""
    made = run(of, by, status=RunStatus.COMPLETED, **fields)
    result = ResultSet.unscoped.create(organization=of, run=made)
    Finding.unscoped.bulk_create(
        Finding(
            organization=of,
            result=result,
            code="required",
            severity="error",
            line=number + 2,
            row=number + 1,
            column_index=0,
            column_label="Facture",
            field="invoice_number",
        )
        for number in range(findings)
    )
    made.result = result
    made.error_count = findings
    made.summary = {
        "by_code": [{"code": "required", "severity": "error", "count": findings, "rows": findings}]
    }
    made.save()
    return made


def made_export(run: ValidationRun, by: User | None = None, **fields: Any) -> Export:
    """A file of the run that a worker has made, and that is kept for a while yet."""
    defaults: dict[str, Any] = {
        "format": "report-json",
        "language": "en",
        "time_zone": "America/Montreal",
        "status": ExportStatus.READY,
        "size_bytes": 2,
        "expires_at": timezone.now() + timedelta(days=1),
    }
    made: Export = Export(organization_id=run.organization_id, run=run, created_by=by, **defaults | fields)
    made.file.save("export.json", ContentFile(b"{}"), save=False)
    made.save(force_insert=True)
    return made
