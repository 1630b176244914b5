"""Who gets into which page of the admin: every registered model, every kind of visitor."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry as StaffAction
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django_rq.models import Dashboard

from jobs import lifecycle
from jobs.admin.base import audit
from jobs.admission import Seat
from jobs.audit import record
from jobs.models import ActionKind, Attempt, AuditEntry, Batch, BulkAction, Job, Schedule
from notifications.models import Delivery, Notification
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import created
from tests.support.staff import all_permissions, staff, staff_client
from validations.models import BillingRecord, LogEntry, RunBatch, StaffRule, ValidationRun

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def rows(organization: Organization, member: User, superuser: User, rf: Any) -> list[Model]:
    """One row of every model at least, with hostile names."""
    run = factories.completed_run(organization, member, file_name=f"{HOSTILE}.csv")
    assert run.result is not None
    LogEntry.unscoped.create(organization=organization, run=run, code="received")
    BillingRecord.unscoped.create(
        organization=organization, result=run.result, line=2, row=1, patient=HOSTILE
    )
    job = Job(task=HOSTILE, queue="emails", timeout_seconds=1, max_attempts=1, arguments={"note": HOSTILE})
    created(job)
    lifecycle.claim(job.pk, Seat(worker=HOSTILE, host="here", pid=1))
    Attempt.objects.update(traceback=HOSTILE, error_message=HOSTILE, log=[{"message": HOSTILE}])
    factories.api_key(organization, member, HOSTILE)
    told = Notification.unscoped.create(organization=organization, user=member, kind="run_finished", key="k")
    Delivery.unscoped.create(organization=organization, notification=told, channel="email")
    Group.objects.create(name=HOSTILE)
    request = rf.post("/")
    request.user = superuser
    audit(request, Group, 1, HOSTILE, HOSTILE)
    record(superuser, ActionKind.CANCEL, "job", HOSTILE, reason=HOSTILE, details={"note": HOSTILE})
    BulkAction.objects.create(
        action=ActionKind.RETRY, cap=1, created_before=timezone.now(), reason=HOSTILE, filters={"q": HOSTILE}
    )
    jobs = Batch.objects.create(name=HOSTILE, total=1)
    refused = [{"name": HOSTILE, "code": "file-empty", "params": {}}]
    batch = RunBatch.unscoped.create(organization=organization, key=HOSTILE, job_batch=jobs, refused=refused)
    ValidationRun.unscoped.filter(pk=run.pk).update(batch=batch)
    Schedule.objects.create(name=HOSTILE, task=HOSTILE, interval_seconds=60, arguments={"note": HOSTILE})
    factories.made_export(run)
    StaffRule.objects.create(name="hostile", profile_name="quebec-medical", title_en=HOSTILE, sql=HOSTILE)
    return [model._base_manager.all()[0] for model in models()]


def models() -> list[type[Model]]:
    return [model for model in admin.site._registry if model is not Dashboard]


def pages(rows: list[Model]) -> dict[str, str]:
    """Name and address of every page of every model."""
    found = {"index": reverse("admin:index")}
    for row in rows:
        name = f"{row._meta.app_label}_{row._meta.model_name}"
        for page in ("changelist", "add"):
            found[f"{name}_{page}"] = reverse(f"admin:{name}_{page}")
        for page in ("change", "delete", "history"):
            found[f"{name}_{page}"] = reverse(f"admin:{name}_{page}", args=[row.pk])
    return found


def statuses(client: Client, addresses: dict[str, str], method: str = "get") -> dict[str, int]:
    return {name: getattr(client, method)(address).status_code for name, address in addresses.items()}


@pytest.mark.parametrize("method", ["get", "post"])
def test_e03_anonymous_visitors_are_sent_to_sign_in_from_every_admin_page(
    rows: list[Model], method: str
) -> None:
    for name, address in pages(rows).items():
        response = getattr(Client(), method)(address, follow=False)
        assert response.status_code == 302, name
        assert response["Location"].startswith(reverse("admin:login")), name


@pytest.mark.parametrize("method", ["get", "post"])
def test_e03_members_and_owners_get_403_from_every_admin_page(
    rows: list[Model], member: User, owner: User, method: str
) -> None:
    for person in (member, owner):
        assert set(statuses(signed_in(person), pages(rows), method).values()) == {403}


@pytest.mark.parametrize("method", ["get", "post"])
def test_e03_staff_without_permissions_see_the_empty_first_page_and_nothing_else(
    rows: list[Model], method: str
) -> None:
    found = statuses(staff_client(), pages(rows), method)
    assert found.pop("index") == 200
    assert set(found.values()) == {403}


def test_staff_who_may_view_read_every_list_and_row_and_change_none(rows: list[Model]) -> None:
    found = statuses(staff_client(*all_permissions("view_")), pages(rows))
    refused = {name for name, status in found.items() if status == 403}
    assert set(found.values()) == {200, 403}
    assert refused == {name for name in found if name.endswith(("_add", "_delete"))}


def test_e04_no_post_of_staff_who_may_view_changes_a_row(rows: list[Model]) -> None:
    client = staff_client(*all_permissions("view_"))
    # What was refused leaves a line in the audit trail, and nothing else.
    others = [model for model in models() if model is not AuditEntry]
    before = {model: model._base_manager.count() for model in others}
    found = statuses(client, pages(rows), "post")
    assert {model: model._base_manager.count() for model in others} == before
    assert {name for name, status in found.items() if status == 302} == set()


def test_superusers_open_every_page_that_is_not_refused_to_all(rows: list[Model], superuser: User) -> None:
    found = statuses(signed_in(superuser), pages(rows))
    assert set(found.values()) == {200, 403}
    assert {
        name for name, status in found.items() if status == 403 and name.endswith(("list", "change"))
    } == set()


def test_b07_hostile_names_are_shown_as_text_on_every_admin_page(rows: list[Model], superuser: User) -> None:
    client = signed_in(superuser)
    shown = 0
    for name, address in pages(rows).items():
        body = client.get(address).content.decode()
        assert HOSTILE not in body, name
        shown += "&lt;script&gt;alert(1)" in body
    assert shown > 10


def test_e05_crafted_actions_of_others_are_refused_and_change_nothing(rows: list[Model]) -> None:
    client = staff_client(*all_permissions("view_"))
    for row in rows:
        name = f"{row._meta.app_label}_{row._meta.model_name}"
        for action in [*(admin.site.get_model_admin(type(row)).actions or ()), "delete_selected"]:
            data = {"action": action, "_selected_action": str(row.pk), "index": "0", "confirmed": "yes"}
            response = client.post(reverse(f"admin:{name}_changelist"), data)
            assert response.status_code == 403, f"{name} {action}"
            assert type(row)._base_manager.filter(pk=row.pk).exists()


def test_ids_that_are_none_get_400_instead_of_an_error_page(rows: list[Model], superuser: User) -> None:
    data = {"action": "retry", "_selected_action": "' OR 1=1"}
    assert signed_in(superuser).post(reverse("admin:jobs_job_changelist"), data).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "?q=%00",
        "?q='\"%25_",
        "?p=-1",
        "?p=999999",
        "?o=99.-99",
        "?status__exact=x",
        "?x=1",
        f"?q={'9' * 500}",
    ],
)
def test_b08_odd_queries_never_break_a_list(rows: list[Model], superuser: User, query: str) -> None:
    client = signed_in(superuser)
    for row in rows:
        name = f"{row._meta.app_label}_{row._meta.model_name}"
        assert client.get(reverse(f"admin:{name}_changelist") + query).status_code in (200, 302, 400), name


def test_only_superusers_change_staff_roles_and_rights(db: None, superuser: User) -> None:
    person = staff("auth.view_group", "auth.add_group", "auth.change_group", "organizations.change_user")
    client = signed_in(person)
    assert client.get(reverse("admin:auth_group_add")).status_code == 403
    data = {"email": person.email, "full_name": "", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(reverse("admin:organizations_user_change", args=[person.pk]), data)
    person.refresh_from_db()
    assert not person.is_superuser
    assert (
        client.post(reverse("admin:organizations_user_change", args=[superuser.pk]), data).status_code == 403
    )


def test_the_dashboard_has_no_pages_of_rows_because_it_has_no_table() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("admin:django_rq_dashboard_add")


def test_staff_actions_cannot_be_edited(rows: list[Model], superuser: User) -> None:
    entry = StaffAction.objects.get()
    address = reverse("admin:admin_logentry_change", args=[entry.pk])
    assert signed_in(superuser).post(address, {"change_message": "nothing"}).status_code == 403


def test_the_list_of_jobs_names_organizations(organization: Organization) -> None:
    created(Job(task="a", queue="emails", timeout_seconds=1, max_attempts=1, tenant_id=organization.pk))
    body = staff_client("jobs.view_job").get(reverse("admin:jobs_job_changelist")).content.decode()
    assert f'href="/admin/jobs/job/?tenant_id={organization.pk}">{organization.name}</a>' in body


def test_jobs_are_filtered_by_organization(organization: Organization) -> None:
    mine = created(
        Job(task="a", queue="emails", timeout_seconds=1, max_attempts=1, tenant_id=organization.pk)
    )
    created(Job(task="a", queue="emails", timeout_seconds=1, max_attempts=1, tenant_id=0))
    client = staff_client("jobs.view_job")
    address = reverse("admin:jobs_job_changelist")
    response = client.get(address, {"tenant_id": organization.pk})
    assert [row["job"].pk for row in response.context["rows"]] == [mine.pk]
    assert organization.name in response.content.decode()
    assert client.get(address, {"tenant_id": "9" * 40}).status_code == 200
