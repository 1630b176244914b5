"""Runs, findings and records in the admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import Job, JobStatus
from organizations.models import Membership, Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.staff import staff, staff_client
from validations import services
from validations.models import BillingRecord, Finding, LogEntry, RunStatus, ValidationRun

LIST = "admin:validations_validationrun_changelist"
VIEW, OPERATE, ERASE = (f"validations.{verb}_validationrun" for verb in ("view", "change", "delete"))


@pytest.fixture
def run(organization: Organization, member: User) -> ValidationRun:
    """A run with a stored file and a queued job."""
    made, _created = services.create_run(
        organization=organization, user=member, upload=factories.upload(), profile=factories.profile()
    )
    return made


def press(client: Client, action: str, run: ValidationRun, **data: str) -> Any:
    data = {"action": action, "_selected_action": str(run.pk), "index": "0", "confirmed": "yes"} | data
    return client.post(reverse(LIST), data, follow=True)


def page_of(run: ValidationRun) -> str:
    return reverse("admin:validations_validationrun_change", args=[run.pk])


def test_cancelling_a_run_cancels_its_job(run: ValidationRun) -> None:
    response = press(staff_client(VIEW, OPERATE), "cancel_runs", run)
    assert "1 row changed." in response.content.decode()
    assert Job.objects.get(task="validations.validate_run").status == JobStatus.CANCELLED


def test_a_cancelled_run_is_retried_while_its_file_is_stored(run: ValidationRun) -> None:
    client = staff_client(VIEW, OPERATE)
    Job.objects.filter(task="validations.validate_run").update(status=JobStatus.FAILED)
    ValidationRun.unscoped.update(status=RunStatus.FAILED)
    press(client, "retry_runs", run)
    assert ValidationRun.unscoped.get().status == RunStatus.QUEUED


def test_a_run_whose_file_is_gone_is_left_as_it_is(run: ValidationRun) -> None:
    Job.objects.filter(task="validations.validate_run").update(status=JobStatus.FAILED)
    ValidationRun.unscoped.update(status=RunStatus.FAILED, file="")
    for action in ("retry_runs", "repeat_runs"):
        assert "left as it is" in press(staff_client(VIEW, OPERATE), action, run).content.decode()
    assert ValidationRun.unscoped.get().status == RunStatus.FAILED


def test_running_again_makes_a_new_run_of_the_same_file(run: ValidationRun) -> None:
    person = staff(VIEW, OPERATE)
    press(signed_in(person), "repeat_runs", run)
    again = ValidationRun.unscoped.exclude(pk=run.pk).get()
    assert (again.repeats_id, again.created_by, again.organization_id) == (
        run.pk,
        person,
        run.organization_id,
    )


def test_deleting_asks_first_and_removes_row_and_file(run: ValidationRun) -> None:
    client = staff_client(VIEW, ERASE)
    storage, name = run.file.storage, str(run.file.name)
    assert "This cannot be undone." in press(client, "delete_runs", run, confirmed="").content.decode()
    assert storage.exists(name)
    press(client, "delete_runs", run)
    assert not ValidationRun.unscoped.exists()
    assert not storage.exists(name)


@pytest.mark.parametrize("action", ["cancel_runs", "retry_runs", "repeat_runs", "delete_runs"])
def test_e04_each_action_on_runs_needs_its_permission(run: ValidationRun, action: str) -> None:
    others = (OPERATE,) if action == "delete_runs" else (ERASE,)
    assert press(staff_client(VIEW, *others), action, run).status_code == 403
    assert ValidationRun.unscoped.get().status == RunStatus.QUEUED


def test_e05_deleting_by_get_is_refused(run: ValidationRun, superuser: User) -> None:
    assert signed_in(superuser).get(f"{page_of(run)}../delete/").status_code == 403
    assert ValidationRun.unscoped.exists()


def test_a_run_is_never_edited_by_hand(run: ValidationRun, superuser: User) -> None:
    assert signed_in(superuser).post(page_of(run), {"file_name": "other.csv"}).status_code == 403


def test_the_page_of_a_run_shows_findings_by_rule_and_the_log(organization: Organization) -> None:
    run = factories.completed_run(organization, findings=3)
    LogEntry.unscoped.create(organization=organization, run=run, code="received")
    response = staff_client(VIEW, "validations.view_finding").get(page_of(run))
    assert [(row["code"], row["count"]) for row in response.context["by_code"]] == [("required", 3)]
    assert "File received" in response.content.decode()
    findings = reverse("admin:validations_finding_changelist")
    assert (f"{findings}?result__id__exact={run.result_id}", "Findings") in response.context["page_links"]


def test_the_page_of_a_run_links_to_the_job_and_for_members_to_the_site(run: ValidationRun) -> None:
    person = staff(VIEW, "jobs.view_job")
    site = reverse("validations:run-detail", args=[run.organization.slug, run.pk])
    links = [url for url, _label in signed_in(person).get(page_of(run)).context["page_links"]]
    assert links == [reverse("admin:jobs_job_change", args=[run.job_id])]
    Membership.unscoped.create(organization=run.organization, user=person, role="viewer")
    assert site in [url for url, _label in signed_in(person).get(page_of(run)).context["page_links"]]


def test_a_failed_run_says_why_in_the_words_of_its_organization(organization: Organization) -> None:
    run = factories.run(organization, status=RunStatus.FAILED, error_code="file-gone")
    assert "Send it again." in staff_client(VIEW).get(page_of(run)).content.decode()


def test_values_of_patients_are_hidden_from_staff_without_the_right(organization: Organization) -> None:
    # A row that was taken for the header makes a name of a column.
    columns = [{"index": 0, "label": "MARKED-VALUE", "letter": "A", "field": None}]
    run = factories.completed_run(organization, reading={"columns": columns})
    marked = dict.fromkeys(("column_label", "value", "suggestion"), "MARKED-VALUE")
    Finding.unscoped.update(**marked, params={"value": "MARKED-VALUE"}, field="")
    finding = Finding.unscoped.get()
    pages = (
        f"{reverse('admin:validations_finding_changelist')}?result__id__exact={run.result_id}",
        reverse("admin:validations_finding_change", args=[finding.pk]),
    )
    blind = staff_client("validations.view_finding")
    seeing = staff_client("validations.view_finding", "validations.view_billingrecord")
    for address in pages:
        assert "MARKED-VALUE" not in blind.get(address).content.decode()
        assert "MARKED-VALUE" in seeing.get(address).content.decode()
    page = reverse("admin:validations_validationrun_change", args=[run.pk])
    assert "MARKED-VALUE" not in staff_client(VIEW).get(page).content.decode()


def test_the_hidden_value_cannot_be_asked_for_by_a_filter(organization: Organization) -> None:
    factories.completed_run(organization)
    Finding.unscoped.update(value="MARKED-VALUE")
    blind = staff_client("validations.view_finding")
    address = reverse("admin:validations_finding_changelist")
    for query in ({"value__startswith": "MARKED"}, {"params__value": "x"}, {"suggestion": "x"}):
        assert blind.get(address, query).status_code == 400, query
    assert not list(blind.get(address, {"q": "MARKED"}).context["cl"].result_list)


def test_records_need_a_right_of_their_own(organization: Organization) -> None:
    run = factories.completed_run(organization)
    assert run.result is not None
    BillingRecord.unscoped.create(
        organization=organization, result=run.result, line=2, row=1, patient="MARKED"
    )
    address = reverse("admin:validations_billingrecord_changelist")
    assert staff_client("validations.view_finding", VIEW).get(address).status_code == 403
    assert staff_client("validations.view_billingrecord").get(address).status_code == 200


def test_findings_are_listed_by_run_and_rule(
    organization: Organization, other_organization: Organization
) -> None:
    run, _other = factories.completed_run(organization), factories.completed_run(other_organization)
    address = reverse("admin:validations_finding_changelist")
    client = staff_client("validations.view_finding")
    for query in ({"result__id__exact": str(run.result_id), "code": "required"}, {"q": str(run.pk)}):
        found = client.get(address, query).context["cl"].result_list
        assert [finding.result_id for finding in found] == [run.result_id]


def test_files_to_download_are_listed_and_neither_edited_nor_fetched(organization: Organization) -> None:
    export = factories.made_export(factories.completed_run(organization, file_name="novembre.csv"))
    client = staff_client("validations.view_export")
    listed = client.get(reverse("admin:validations_export_changelist")).content.decode()
    assert "Report as JSON" in listed
    assert "Ready" in listed
    address = reverse("admin:validations_export_change", args=[export.pk])
    page = client.get(address).content.decode()
    assert "America/Montreal" in page
    assert str(export.file.name) not in page
    assert client.post(address, {"status": "failed"}).status_code == 403
