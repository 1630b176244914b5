"""The pages of runs: the list, one run in each of its states, and what members may do with it."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from validations import services
from validations.models import LogEntry, RunStatus, ValidationRun
from validations.urls import urlpatterns

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7|add:7 }}", "%s{0.__class__}"]
# Addresses with a run in them, and the method that they answer.
RUN_ADDRESSES = {
    "run-detail": "get",
    "run-events": "get",
    "run-progress": "get",
    "run-findings-csv": "get",
    "run-compare": "get",
    "run-fixes": "get",
    "run-decide": "post",
    "run-export": "post",
    "run-check-corrected": "post",
    "run-cancel": "post",
    "run-retry": "post",
    "run-again": "post",
    "run-replaces": "post",
    "run-delete": "post",
}
ORGANIZATION_ADDRESSES = {
    "run-list",
    "run-list-events",
    "run-list-progress",
    "upload",
    "profile-template",
    "rules",
}
# Addresses with files that were sent together in them: tests/validations/test_batches.py.
BATCH_ADDRESSES = {f"batch-{name}" for name in ("detail", "events", "progress", "cancel")}
# Addresses with a made file in them: tests/test_border.py asks for each.
EXPORT_ADDRESSES = {f"export-{name}" for name in ("detail", "events", "progress", "file", "cancel")}


def address(name: str, organization: Organization, run: ValidationRun | uuid.UUID | None = None) -> str:
    arguments: list[Any] = [organization.slug]
    if isinstance(run, ValidationRun):
        arguments.append(run.pk)
    elif run is not None:
        arguments.append(run)
    if name == "profile-template":
        arguments.append("quebec-medical")
    return reverse(f"validations:{name}", args=arguments)


def page(
    client: Client, name: str, organization: Organization, run: ValidationRun | None = None, **query: Any
) -> str:
    response = client.get(address(name, organization, run), query)
    assert response.status_code == 200
    return response.content.decode()


def test_d01_every_address_of_this_app_is_known_to_these_tests() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(
        RUN_ADDRESSES
    ) | ORGANIZATION_ADDRESSES | EXPORT_ADDRESSES | BATCH_ADDRESSES


@pytest.mark.parametrize(("name", "method"), RUN_ADDRESSES.items())
def test_d01_another_organizations_run_answers_like_one_that_does_not_exist(
    outsider_client: Client,
    organization: Organization,
    other_organization: Organization,
    name: str,
    method: str,
) -> None:
    run = factories.completed_run(organization)
    answers = [
        getattr(outsider_client, method)(url)
        for url in (
            address(name, organization, run),
            address(name, other_organization, run),
            address(name, other_organization, uuid.uuid4()),
        )
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert ValidationRun.objects.for_organization(organization).count() == 1


@pytest.mark.parametrize("name", sorted(ORGANIZATION_ADDRESSES))
def test_d01_another_organization_answers_like_one_that_does_not_exist(
    outsider_client: Client, organization: Organization, name: str
) -> None:
    assert outsider_client.get(address(name, organization)).status_code == 404


@pytest.mark.parametrize(("name", "method"), RUN_ADDRESSES.items())
def test_visitors_are_sent_to_the_sign_in_page(
    client: Client, organization: Organization, name: str, method: str
) -> None:
    response = getattr(client, method)(address(name, organization, factories.run(organization)))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    "name", ["run-cancel", "run-retry", "run-again", "run-replaces", "run-delete", "run-findings-csv"]
)
def test_a_viewer_may_look_and_change_nothing(
    viewer_client: Client, organization: Organization, name: str
) -> None:
    run = factories.completed_run(organization)
    url = address(name, organization, run)
    assert getattr(viewer_client, RUN_ADDRESSES[name])(url).status_code == 403
    assert url not in page(viewer_client, "run-detail", organization, run)


@pytest.mark.parametrize("name", ["run-cancel", "run-retry", "run-again", "run-replaces", "run-delete"])
def test_e05_nothing_happens_by_get_or_without_the_forms_token(
    owner: User, organization: Organization, name: str
) -> None:
    run = factories.completed_run(organization)
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner, backend="organizations.backends.EmailBackend")
    assert client.get(address(name, organization, run)).status_code == 405
    assert client.post(address(name, organization, run)).status_code == 403
    assert ValidationRun.objects.for_organization(organization).filter(pk=run.pk).exists()


# --- The list -----------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do_first(member_client: Client, organization: Organization) -> None:
    shown = page(member_client, "run-list", organization)
    assert "No file has been checked yet" in shown
    assert address("upload", organization) in shown


def test_the_list_shows_the_organizations_runs_alone(
    member_client: Client, organization: Organization, other_organization: Organization
) -> None:
    factories.run(organization, file_name="ours.csv")
    factories.run(other_organization, file_name="theirs.csv")
    shown = page(member_client, "run-list", organization)
    assert "ours.csv" in shown
    assert "theirs.csv" not in shown


def test_the_list_is_filtered_by_state_and_name(member_client: Client, organization: Organization) -> None:
    factories.run(organization, file_name="mars.csv", status=RunStatus.FAILED)
    factories.run(organization, file_name="avril.csv", status=RunStatus.FAILED)
    factories.run(organization, file_name="mars-2.csv", status=RunStatus.CANCELLED)
    shown = page(member_client, "run-list", organization, status="failed", q="MARS")
    assert "mars.csv" in shown
    assert "avril.csv" not in shown
    assert "mars-2.csv" not in shown
    assert "No run fits" in page(member_client, "run-list", organization, q="nothing like it")


@pytest.mark.parametrize(
    "query",
    [
        {"page": "-1"},
        {"page": "1000000000"},
        {"page": "٣"},
        {"status": "' OR 1=1 --"},
        {"q": "%_\\'\" OR 1=1 --\0"},
        {"q": "x" * 7000},
    ],
)
def test_b08_senseless_filters_of_the_list_are_data(
    member_client: Client, organization: Organization, query: dict[str, str]
) -> None:
    factories.run(organization)
    assert member_client.get(address("run-list", organization), query).status_code == 200


@pytest.mark.parametrize("text", HOSTILE)
def test_b07_a_hostile_file_name_is_text_on_every_page(
    member_client: Client, organization: Organization, text: str
) -> None:
    run = factories.completed_run(organization, file_name=f"{text}.csv")
    for shown in (
        page(member_client, "run-list", organization),
        page(member_client, "run-detail", organization, run),
    ):
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "14.csv" not in shown


def test_an_open_list_is_told_its_rows_until_none_is_active(
    member_client: Client, organization: Organization
) -> None:
    run = factories.run(organization, file_name="mars.csv")
    told = json.loads(page(member_client, "run-list-progress", organization))
    assert "mars.csv" in told["html"]
    assert told["done"] is False
    ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.CANCELLED)
    assert json.loads(page(member_client, "run-list-progress", organization))["done"] is True


# --- One run ------------------------------------------------------------------------------------------------


def test_a_waiting_run_says_how_many_of_the_organizations_files_are_before_it(
    member_client: Client, organization: Organization, other_organization: Organization
) -> None:
    factories.run(other_organization)
    factories.run(organization)
    run = factories.run(organization)
    shown = page(member_client, "run-detail", organization, run)
    assert "1 file of your organization is before it" in shown
    assert '<noscript><meta http-equiv="refresh"' in shown


def test_a_working_run_shows_its_stage_rows_and_share(
    member_client: Client, organization: Organization
) -> None:
    run = factories.run(
        organization,
        status=RunStatus.PROCESSING,
        phase="records",
        progress_percent=60,
        rows_done=1200,
        rows_total=3000,
    )
    told = json.loads(page(member_client, "run-progress", organization, run))
    assert "1,200 of 3,000 rows" in told["html"]
    assert told["title"] == "60% lines.csv"
    assert told["say"] == "Storing records, 60%"


def test_an_ended_run_tells_its_open_page_so_in_the_title(
    member_client: Client, organization: Organization
) -> None:
    run = factories.completed_run(organization, verdict="refused")
    told = json.loads(page(member_client, "run-progress", organization, run))
    assert (told["done"], told["title"]) == (True, "Errors to fix – lines.csv")


def test_a_failed_run_says_what_to_do_and_that_no_line_was_judged(
    member_client: Client, organization: Organization
) -> None:
    run = factories.run(organization, status=RunStatus.FAILED, error_code="too_long")
    shown = page(member_client, "run-detail", organization, run)
    assert "Split it into smaller files and send them." in shown
    assert "no line was checked" in shown


def test_a_cancelled_run_says_that_nothing_was_kept(
    member_client: Client, organization: Organization
) -> None:
    run = factories.run(organization, status=RunStatus.CANCELLED)
    assert "No result was kept." in page(member_client, "run-detail", organization, run)


def test_the_timeline_tells_who_sent_the_file(
    member_client: Client, member: User, organization: Organization
) -> None:
    User.objects.filter(pk=member.pk).update(full_name="Marie Gagné")
    run = factories.run(organization, status=RunStatus.CANCELLED)
    LogEntry.unscoped.create(
        organization=organization, run=run, code="received", params={"user_id": member.pk}
    )
    assert "Marie Gagné" in page(member_client, "run-detail", organization, run)


def test_retrying_a_run_without_its_file_says_to_send_it_again(
    member_client: Client, organization: Organization
) -> None:
    run = factories.run(organization, status=RunStatus.FAILED, error_code="storage")
    response = member_client.post(address("run-retry", organization, run), follow=True)
    assert response.status_code == 200
    assert ValidationRun.objects.for_organization(organization).get().status == RunStatus.FAILED


def test_running_a_deleted_file_again_says_to_send_it_again(
    member_client: Client, organization: Organization
) -> None:
    run = factories.completed_run(organization)
    data = {"profile": "quebec-medical"}
    response = member_client.post(address("run-again", organization, run), data, follow=True)
    assert "The file is no longer stored. Send it again." in response.content.decode()


def test_running_again_with_invalid_options_changes_nothing(
    member_client: Client, organization: Organization
) -> None:
    run = factories.completed_run(organization)
    data = {"profile": "quebec-medical", "header_line": "-4"}
    response = member_client.post(address("run-again", organization, run), data, follow=True)
    assert "The reading options are not valid." in response.content.decode()
    assert ValidationRun.objects.for_organization(organization).count() == 1


def test_an_owner_deletes_a_run_and_a_member_may_not(
    owner: User, member_client: Client, organization: Organization
) -> None:
    run = factories.completed_run(organization, file_name="mars.csv")
    url = address("run-delete", organization, run)
    assert member_client.post(url).status_code == 403
    response = signed_in(owner).post(url, follow=True)
    assert "“mars.csv” and its results were deleted." in response.content.decode()
    assert not ValidationRun.objects.for_organization(organization).exists()


def test_cancelling_a_finished_run_changes_nothing(member_client: Client, organization: Organization) -> None:
    run = factories.completed_run(organization)
    response = member_client.post(address("run-cancel", organization, run), follow=True)
    assert "The run had already ended." in response.content.decode()
    assert ValidationRun.objects.for_organization(organization).get().status == RunStatus.COMPLETED


def test_pages_of_a_signed_in_person_are_kept_by_nobody(
    member_client: Client, organization: Organization
) -> None:
    run = factories.completed_run(organization)
    for name in ("run-detail", "run-progress"):
        response = member_client.get(address(name, organization, run))
        assert {"private", "no-store"} <= set(response["Cache-Control"].split(", "))


def test_answers_to_nobody_in_particular_may_be_kept(client: Client, db: None) -> None:
    assert "no-store" not in client.get(reverse("organizations:preferences")).headers.get("Cache-Control", "")


def test_a_suspended_organization_is_told_so_when_it_retries(
    member_client: Client, organization: Organization, member: User
) -> None:
    run = factories.sent_run(organization, member)
    services.cancel_run(run=run, by=member)
    Organization.objects.update(suspended_at=timezone.now())
    response = member_client.post(address("run-retry", organization, run), follow=True)
    assert "is suspended" in response.content.decode()


def test_a_run_that_took_too_long_says_to_split_the_file(
    member_client: Client, organization: Organization
) -> None:
    run = factories.run(organization, status=RunStatus.FAILED, error_code="too_long")
    assert "Split it" in page(member_client, "run-detail", organization, run)


def test_b08_a_nul_in_a_filter_is_data(member_client: Client, organization: Organization) -> None:
    run = factories.completed_run(organization)
    for name in ("run-detail", "run-findings-csv"):
        for field in ("code", "severity", "q", "sort", "page", "finding"):
            assert member_client.get(address(name, organization, run), {field: "a\0b"}).status_code == 200
