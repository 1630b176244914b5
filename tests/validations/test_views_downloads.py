"""Downloads as people meet them: a menu, small files at once, large ones by a page with progress."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from python_calamine import CalamineWorkbook

from jobs.models import Job
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain
from validations.exports import in_order
from validations.models import Export, ExportStatus, RunStatus, ValidationRun


@pytest.fixture
def run(organization: Organization, member: User) -> ValidationRun:
    return factories.completed_run(
        organization, member, findings=3, file_name="novembre.csv", verdict="refused"
    )


def address(run: ValidationRun, name: str = "run-export", *more: Any) -> str:
    return reverse(f"validations:{name}", args=[run.organization.slug, run.pk, *more])


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def test_the_menu_offers_every_format_without_javascript(member_client: Client, run: ValidationRun) -> None:
    page = member_client.get(address(run, "run-detail")).content.decode()
    assert f'action="{address(run)}"' in page
    for kind in in_order():
        assert f'name="format" value="{kind.name}"' in page
        assert str(kind.title) in page


def test_a_small_file_comes_at_once_and_is_noted_in_the_log(
    member_client: Client, run: ValidationRun
) -> None:
    response = member_client.post(address(run), {"format": "findings-xlsx"})
    assert response.status_code == 200
    book = CalamineWorkbook.from_filelike(io.BytesIO(body_of(response)))
    assert len(book.get_sheet_by_name("Findings").to_python()) == 4
    assert response["Content-Disposition"].startswith("attachment")
    assert [entry.params["format"] for entry in run.log_entries.filter(code="downloaded")] == [
        "findings-xlsx"
    ]
    assert not Export.unscoped.exists()


def test_h01_downloads_are_attachments_that_nobody_sniffs_keeps_or_runs(
    member_client: Client, run: ValidationRun, member: User
) -> None:
    export = factories.made_export(run, member)
    for response in (
        member_client.post(address(run), {"format": "findings-csv"}),
        member_client.get(address(run, "export-file", export.pk), headers={"Range": "bytes=0-0"}),
    ):
        assert response.status_code == 200
        assert response["Content-Disposition"].startswith("attachment")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Cache-Control"] == "private, no-store"
        assert response["Content-Security-Policy"].startswith("sandbox")
        assert body_of(response)


def test_a_large_file_is_made_by_a_worker_and_then_downloaded(
    member_client: Client, run: ValidationRun, settings: Any
) -> None:
    settings.EXPORT_DIRECT_ROWS = 2
    response = member_client.post(address(run), {"format": "findings-csv"}, follow=True)
    page = response.content.decode()
    assert "Waiting for its turn" in page
    export = Export.unscoped.get()
    drain()
    page = member_client.get(address(run, "export-detail", export.pk)).content.decode()
    assert "The file is ready" in page
    assert "kept until" in page
    response = member_client.get(address(run, "export-file", export.pk))
    assert body_of(response).count(b"\r\n") == 4
    assert "novembre" in response["Content-Disposition"]


def test_the_filters_of_the_page_go_with_the_request(
    member_client: Client, run: ValidationRun, settings: Any
) -> None:
    response = member_client.post(address(run), {"format": "findings-csv", "q": "3", "code": "all"})
    assert body_of(response).count(b"\r\n") == 2
    settings.EXPORT_DIRECT_ROWS = 0
    member_client.post(address(run), {"format": "findings-csv", "q": "3", "code": "all", "sort": "-line"})
    assert Export.unscoped.get().wanted == {"search": "3", "sort": "-line"}


def test_a_report_on_paper_is_always_made_by_a_worker(member_client: Client, run: ValidationRun) -> None:
    assert member_client.post(address(run), {"format": "report-pdf"}).status_code == 302
    assert Export.unscoped.get().format == "report-pdf"


def test_the_open_page_follows_the_progress(member_client: Client, run: ValidationRun) -> None:
    member_client.post(address(run), {"format": "report-pdf"})
    export = Export.unscoped.get()
    Job.objects.filter(pk=str(export.job_id)).update(status="running", progress_done=500, progress_total=2000)
    state = member_client.get(address(run, "export-progress", export.pk)).json()
    assert (state["done"], "500 of 2,000 rows" in state["html"], "25%" in state["html"]) == (
        False,
        True,
        True,
    )
    assert member_client.get(address(run, "export-events", export.pk))["Content-Type"].startswith(
        "text/event-stream"
    )
    Export.unscoped.update(status=ExportStatus.READY)
    assert member_client.get(address(run, "export-progress", export.pk)).json()["done"]


def test_a_making_can_be_cancelled_and_asked_for_again(member_client: Client, run: ValidationRun) -> None:
    member_client.post(address(run), {"format": "report-pdf", "severity": "error"})
    export = Export.unscoped.get()
    page = member_client.post(address(run, "export-cancel", export.pk), follow=True).content.decode()
    assert "The making of this file was cancelled" in page
    assert 'name="severity" value="error"' in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": ExportStatus.EXPIRED}, "The file was deleted"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "The file was deleted"),
        ({"status": ExportStatus.FAILED, "error_code": "storage"}, "The disk of the server is full"),
    ],
)
def test_a_file_that_is_not_there_says_why(
    member_client: Client, run: ValidationRun, fields: dict[str, Any], words: str
) -> None:
    export = factories.made_export(run, **fields)
    response = member_client.get(address(run, "export-file", export.pk), follow=True)
    assert words in response.content.decode()
    assert not run.log_entries.filter(code="downloaded").exists()


def test_x15_a_file_that_is_gone_from_the_storage_is_told_and_no_error(
    member_client: Client, run: ValidationRun
) -> None:
    export = factories.made_export(run)
    export.file.storage.delete(str(export.file.name))
    response = member_client.get(address(run, "export-file", export.pk), follow=True)
    assert "The file is no longer stored" in response.content.decode()


@pytest.mark.parametrize(
    "name", ["run-export", "export-detail", "export-progress", "export-file", "export-cancel"]
)
def test_d03_who_may_not_take_data_away_gets_none(
    viewer_client: Client, run: ValidationRun, name: str
) -> None:
    export = factories.made_export(run)
    more = [] if name == "run-export" else [export.pk]
    method = viewer_client.post if name in ("run-export", "export-cancel") else viewer_client.get
    assert method(address(run, name, *more), {"format": "findings-csv"}).status_code == 403
    assert "findings-csv" not in viewer_client.get(address(run, "run-detail")).content.decode()


def test_d07_a_member_whose_right_is_taken_gets_the_file_no_more(
    member_client: Client, run: ValidationRun, member: User
) -> None:
    export = factories.made_export(run, member)
    assert body_of(member_client.get(address(run, "export-file", export.pk))) == b"{}"
    member.memberships.all().delete()
    assert member_client.get(address(run, "export-file", export.pk)).status_code == 404


def test_d01_a_file_belongs_to_its_run(
    member_client: Client, run: ValidationRun, organization: Organization
) -> None:
    other = factories.completed_run(organization)
    export = factories.made_export(other)
    assert member_client.get(address(run, "export-file", export.pk)).status_code == 404


@pytest.mark.parametrize("fields", [{"format": "made-up"}, {"format": "\0"}, {}])
def test_a_format_that_is_none_is_404(
    member_client: Client, run: ValidationRun, fields: dict[str, str]
) -> None:
    assert member_client.post(address(run), fields).status_code == 404


def test_e05_a_get_request_asks_for_nothing(member_client: Client, run: ValidationRun) -> None:
    assert member_client.get(address(run), {"format": "report-pdf"}).status_code == 405


def test_a_run_that_is_not_completed_has_no_files(member_client: Client, organization: Organization) -> None:
    failed = factories.run(organization, status=RunStatus.FAILED)
    assert member_client.post(address(failed), {"format": "report-json"}).status_code == 404


def test_french_readers_get_french_pages_and_files(organization: Organization, run: ValidationRun) -> None:
    client = signed_in(factories.member(organization, language="fr"))
    response = client.post(address(run), {"format": "report-pdf"}, follow=True)
    assert "Rapport en PDF" in response.content.decode()
    assert Export.unscoped.get().language == "fr"
    name = client.post(address(run), {"format": "findings-csv"})["Content-Disposition"]
    assert "constats.csv" in name


# --- The API ------------------------------------------------------------------------------------------------


@pytest.fixture
def program(api_key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {api_key}"})


def test_a_program_asks_follows_and_fetches(program: Client, run: ValidationRun) -> None:
    asked = program.post(
        f"/api/validations/{run.pk}/exports", {"format": "findings-csv"}, content_type="application/json"
    )
    assert asked.status_code == 202
    told = asked.json()
    assert (told["status"], told["url"]) == ("waiting", None)
    drain()
    told = program.get(f"/api/validations/{run.pk}/exports/{told['exportId']}").json()
    assert told["status"] == "ready"
    fetched = program.get(told["url"])
    content = body_of(fetched)
    assert len(content) == told["sizeBytes"]
    assert content.count(b"\r\n") == 4
    assert fetched["Cache-Control"] == "private, no-store"


def test_the_api_refuses_what_it_does_not_know_and_what_is_not_completed(
    program: Client, run: ValidationRun, organization: Organization
) -> None:
    def ask(of: ValidationRun, **body: str) -> tuple[int, str]:
        answer = program.post(f"/api/validations/{of.pk}/exports", body, content_type="application/json")
        return answer.status_code, answer.json()["code"]

    assert ask(run, format="made-up") == (422, "format-unknown")
    assert ask(factories.run(organization), format="report-json") == (409, "not-completed")
    assert ask(run, format="report-json", severity="worst")[0] == 422


def test_a_file_that_is_not_ready_is_404_in_the_api(program: Client, run: ValidationRun) -> None:
    export = factories.made_export(run, status=ExportStatus.EXPIRED)
    assert program.get(f"/api/validations/{run.pk}/exports/{export.pk}").json()["url"] is None
    assert program.get(f"/api/validations/{run.pk}/exports/{export.pk}/file").status_code == 404


def test_d03_a_viewers_program_gets_no_file(run: ValidationRun, viewer: User) -> None:
    key = factories.api_key(run.organization, viewer, "Viewer's program")
    client = Client(headers={"Authorization": f"Bearer {key}"})
    answer = client.post(
        f"/api/validations/{run.pk}/exports", {"format": "report-json"}, content_type="application/json"
    )
    assert answer.status_code == 404
