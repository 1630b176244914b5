"""What was done in an organization: read, filtered, taken away, and never across the border."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import audit, trail
from jobs.models import ActionKind, AuditEntry
from organizations.models import Organization, User
from tests import factories
from tests.conftest import end, signed_in
from tests.support.staff import staff_client
from validations import services
from validations.models import ValidationRun


@pytest.fixture
def page(organization: Organization) -> str:
    return reverse("organization:activity", args=[organization.slug])


def told(
    organization: Organization | None, by: User | None, action: str = ActionKind.SEND_FILE, **named: Any
) -> None:
    audit.record(by, action, "run", tenant_id=organization.pk if organization else None, **named)


def rows_of(client: Client, address: str) -> list[list[str]]:
    response = client.get(address)
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))[1:]


def test_d05_a_page_and_its_file_hold_the_lines_of_one_organization(
    organization: Organization, other_organization: Organization, owner: User, outsider: User, page: str
) -> None:
    told(organization, owner)
    told(other_organization, outsider)
    told(None, outsider, ActionKind.SIGN_IN)
    client = signed_in(owner)
    shown = client.get(page).content.decode()
    assert owner.email in shown
    assert outsider.email not in shown
    rows = rows_of(client, f"{page[:-1]}.csv")
    assert {row[1] for row in rows} == {owner.email}


def test_filters_narrow_and_what_makes_no_sense_is_passed_over(
    organization: Organization, owner: User, member: User, page: str
) -> None:
    told(organization, owner)
    told(organization, member, ActionKind.EXPORT)
    client = signed_in(owner)
    today = timezone.localdate()

    def people(query: dict[str, str]) -> set[str]:
        body = client.get(page, query).content.decode().split("<tbody>")
        return {one.email for one in (owner, member) if len(body) > 1 and one.email in body[1]}

    both = {owner.email, member.email}
    assert people({}) == both
    assert people({"action": "export"}) == {member.email}
    assert people({"person": "OWNER@"}) == {owner.email}
    assert people({"since": str(today), "until": str(today)}) == both
    assert people({"since": str(today + timedelta(days=1))}) == set()
    assert people({"until": str(today - timedelta(days=1))}) == set()
    for nonsense in (
        {"action": "x"},
        {"since": "32.13."},
        {"before": "x"},
        {"before": "9" * 30},
        {"person": "\0"},
    ):
        assert people(nonsense) == both


def test_pages_go_on_where_the_last_one_ended(organization: Organization, owner: User, page: str) -> None:
    for number in range(trail.PER_PAGE + 1):
        told(organization, owner, reason=f"number {number}.")
    client = signed_in(owner)
    first = client.get(page).content.decode()
    assert ("number 50." in first, "number 0." in first) == (True, False)
    newest_left = AuditEntry.objects.order_by("-id")[trail.PER_PAGE - 1].pk
    second = client.get(page, {"before": newest_left}).content.decode()
    assert ("number 50." in second, "number 0." in second) == (False, True)


def test_h01_a_file_of_the_trail_runs_no_formula_and_is_a_line_itself(
    organization: Organization, owner: User, page: str
) -> None:
    told(organization, owner, reason="=cmd|' /C calc'!A0")
    response = signed_in(owner).get(f"{page[:-1]}.csv")
    assert "attachment" in response["Content-Disposition"]
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=cmd" in content
    assert AuditEntry.objects.filter(action=ActionKind.EXPORT, target_kind="trail", by=owner).exists()


def test_f04_a_line_keeps_the_filters_of_a_download_and_nothing_else_of_its_address(
    organization: Organization, owner: User, page: str
) -> None:
    query = {"action": "export", "search": "TREM80010112", "x": "\0", "since": "2026-01-31"}
    end(signed_in(owner).get(f"{page[:-1]}.csv", query))
    line = AuditEntry.objects.get(action=ActionKind.EXPORT)
    assert line.details == {"filters": {"action": "export", "since": "2026-01-31"}}


def test_e09_staff_take_away_what_the_filters_leave_and_that_is_a_line(
    organization: Organization, owner: User
) -> None:
    told(organization, owner)
    told(organization, owner, ActionKind.EXPORT)
    client = staff_client("jobs.view_auditentry")
    address = reverse("admin:jobs_auditentry_export", args=["jsonl"])
    response = client.get(address, {"action__exact": "export"})
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert {json.loads(line)["action"] for line in lines} == {"export"}
    assert AuditEntry.objects.filter(action=ActionKind.EXPORT, target_kind="trail").exists()
    assert len(rows_of(client, reverse("admin:jobs_auditentry_export", args=["csv"]))) >= 3
    assert client.post(address).status_code == 403
    assert staff_client().get(address).status_code == 403


def acts(run: ValidationRun, owner: User) -> dict[str, Callable[[], Any]]:
    """What people do that has to leave a line, by the kind of line."""
    client = signed_in(owner)
    here = ["erables", run.pk]
    return {
        ActionKind.SEND_FILE: lambda: factories.sent_run(run.organization, owner),
        ActionKind.EXPORT: lambda: end(client.get(reverse("validations:run-findings-csv", args=here))),
        ActionKind.VIEW_PATIENT: lambda: client.get(reverse("validations:run-detail", args=here)),
        ActionKind.DELETE_RUN: lambda: services.delete_run(run=run, by=owner),
        ActionKind.CHANGE_ORGANIZATION: lambda: client.post(
            reverse("organization:general", args=["erables"]), {"name": "New", "keep_files_days": "3"}
        ),
    }


@pytest.mark.parametrize(
    "kind",
    [
        ActionKind.SEND_FILE,
        ActionKind.EXPORT,
        ActionKind.VIEW_PATIENT,
        ActionKind.DELETE_RUN,
        ActionKind.CHANGE_ORGANIZATION,
    ],
)
def test_e09_what_people_do_leaves_a_line_with_who_what_and_whose(
    organization: Organization, owner: User, kind: str
) -> None:
    run = factories.completed_run(organization, owner)
    acts(run, owner)[kind]()
    line = AuditEntry.objects.get(action=kind)
    assert (line.by, line.tenant_id) == (owner, organization.pk)
    # What came by a request says from where, whoever wrote the line.
    assert line.address == (None if kind in (ActionKind.SEND_FILE, ActionKind.DELETE_RUN) else "127.0.0.1")


def test_e09_a_change_by_staff_says_which_fields_and_never_a_value(
    organization: Organization, superuser: User
) -> None:
    address = reverse("admin:organizations_organization_change", args=[organization.pk])
    client = signed_in(superuser)
    form = client.get(address).context["adminform"].form
    data = {name: form.initial.get(name, "") for name in form.fields} | {"name": "Secret name"}
    data |= {f"memberships-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    assert client.post(address, data).status_code == 302
    line = AuditEntry.objects.get(action=ActionKind.STAFF_CHANGE)
    assert (line.target_kind, line.tenant_id, line.address) == ("organization", organization.pk, "127.0.0.1")
    assert line.details["what"] == "changed"
    assert "Secret name" not in json.dumps(line.details)


def test_e09_the_database_refuses_to_change_a_line(organization: Organization, owner: User) -> None:
    told(organization, owner)
    for change in ({"reason": "another"}, {"by": factories.user()}, {"tenant_id": None}):
        with pytest.raises(DatabaseError), transaction.atomic():
            AuditEntry.objects.update(**change)
    # A person who is removed leaves their lines.
    AuditEntry.objects.update(by=None)
    assert AuditEntry.objects.get().by_name == owner.email


def test_settings_of_the_organization_are_checked(organization: Organization, owner: User) -> None:
    address = reverse("organization:general", args=["erables"])
    client = signed_in(owner)
    for wrong in ({"name": ""}, {"keep_files_days": "9999"}, {"keep_files_days": "-1"}):
        assert client.post(address, {"name": "New", "keep_files_days": "3"} | wrong).status_code == 422
    sent = {"name": "New", "keep_files_days": "3", "slug": "other", "daily_upload_limit": "1000000"}
    client.post(address, sent)
    organization.refresh_from_db()
    assert (organization.name, organization.keep_files_days) == ("New", 3)
    # D04: what the form does not have is not written.
    assert (organization.slug, organization.daily_upload_limit) == ("erables", 1000)
