"""The upload form, as browsers with and without scripts use it."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from tests import factories
from tests.conftest import signed_in
from validations.models import RunBatch, RunStatus, ValidationRun

GOOD = b"Facture;Code\r\n123456789;19928\r\n"


@pytest.fixture
def address(organization: Organization) -> str:
    return reverse("validations:upload", args=[organization.slug])


def form_data(client: Client, address: str, *files: Any, **fields: Any) -> dict[str, Any]:
    """What a browser sends from the page that it got."""
    page = client.get(address).content.decode()
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    return {"files": list(files), "profile": "quebec-medical", "key": key[1], **fields}


def runs(organization: Organization) -> list[ValidationRun]:
    return list(ValidationRun.objects.for_organization(organization).order_by("created_at"))


def test_one_file_leads_to_the_page_of_its_run(
    member_client: Client, organization: Organization, address: str
) -> None:
    data = form_data(member_client, address, factories.upload(GOOD, "mars.csv"))
    response = member_client.post(address, data)
    (run,) = runs(organization)
    assert response.status_code == 302
    assert response["Location"] == reverse("validations:run-detail", args=[organization.slug, run.pk])
    assert (run.file_name, run.status, run.profile.name) == ("mars.csv", RunStatus.QUEUED, "quebec-medical")


def test_several_files_lead_to_the_page_of_their_batch(
    member_client: Client, organization: Organization, address: str
) -> None:
    data = form_data(
        member_client, address, factories.upload(GOOD, "a.csv"), factories.upload(GOOD + b"\r\n", "b.csv")
    )
    response = member_client.post(address, data)
    (batch,) = RunBatch.objects.for_organization(organization)
    assert [run.batch for run in runs(organization)] == [batch, batch]
    assert response["Location"] == reverse("validations:batch-detail", args=[organization.slug, batch.pk])


def test_a_browser_with_scripts_gets_the_address_as_json(
    member_client: Client, organization: Organization, address: str
) -> None:
    data = form_data(member_client, address, factories.upload(GOOD))
    response = member_client.post(address, data, headers={"Accept": "application/json"})
    assert response.status_code == 201
    assert response.json()["location"].endswith(f"/runs/{runs(organization)[0].pk}/")


def test_reading_options_reach_the_run(
    member_client: Client, organization: Organization, address: str
) -> None:
    options = {"encoding": "cp1252", "delimiter": "tab", "header_line": "4"}
    member_client.post(address, form_data(member_client, address, factories.upload(GOOD), **options))
    assert runs(organization)[0].options == {"encoding": "cp1252", "delimiter": "\t", "header_line": 4}


def test_no_header_no_quotes_and_a_sheet_reach_the_run(
    member_client: Client, organization: Organization, address: str
) -> None:
    options = {"quotechar": "none", "header_line": "0", "sheet": "2", "delimiter": "space"}
    member_client.post(address, form_data(member_client, address, factories.upload(GOOD), **options))
    assert runs(organization)[0].options == {"delimiter": " ", "quotechar": "", "header_line": 0, "sheet": 2}


def test_a01_no_file_is_refused_with_a_summary_that_leads_to_the_field(
    member_client: Client, organization: Organization, address: str
) -> None:
    response = member_client.post(address, form_data(member_client, address))
    page = response.content.decode()
    assert response.status_code == 422
    assert 'role="alert"' in page
    assert '<a href="#id_files">Select a file.</a>' in page
    assert "<title>Error:" in page
    assert runs(organization) == []


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\r\n\n"])
def test_a01_an_empty_file_is_refused_by_name(
    member_client: Client, organization: Organization, address: str, content: bytes
) -> None:
    response = member_client.post(
        address, form_data(member_client, address, factories.upload(content, "vide.csv"))
    )
    assert response.status_code == 422
    assert "vide.csv: The selected file is empty." in response.content.decode()
    assert runs(organization) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\x\\y.csv", "y.csv"),
        ("-rf.csv", "-rf.csv"),
        ("CON.csv", "CON.csv"),
    ],
)
def test_a07_a_file_is_shown_by_its_base_name_and_stored_by_another(
    member_client: Client, organization: Organization, address: str, name: str, shown: str
) -> None:
    member_client.post(address, form_data(member_client, address, factories.upload(GOOD, name)))
    (run,) = runs(organization)
    assert run.file_name == shown
    assert run.file.name == f"uploads/{organization.pk}/{run.pk}.csv"


def test_a08_a_hostile_file_name_is_shown_as_text_in_the_refusal(member_client: Client, address: str) -> None:
    name = '<script>alert(1)</script>\u202e"é.csv'
    response = member_client.post(address, form_data(member_client, address, factories.upload(b"", name)))
    page = response.content.decode()
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_a08_a_very_long_file_name_is_shortened_on_every_page(
    member_client: Client, organization: Organization, address: str
) -> None:
    upload = factories.upload(GOOD, "lines.csv")
    # Django's own class would cut it at once, which a browser does not.
    vars(upload)["_name"] = f"{'x' * 800}.csv"
    response = member_client.post(address, form_data(member_client, address, upload), follow=True)
    assert response.status_code == 200
    assert len(runs(organization)[0].file_name) <= 200


def test_a09_the_same_form_posted_twice_makes_one_run_and_leads_to_it(
    member_client: Client, organization: Organization, address: str
) -> None:
    data = form_data(member_client, address, factories.upload(GOOD))
    first = member_client.post(address, data)
    second = member_client.post(address, data | {"files": [factories.upload(GOOD)]})
    assert first["Location"] == second["Location"]
    assert len(runs(organization)) == 1


def test_a09_another_file_in_the_same_open_form_is_another_run(
    member_client: Client, organization: Organization, address: str
) -> None:
    data = form_data(member_client, address, factories.upload(GOOD, "a.csv"))
    member_client.post(address, data)
    member_client.post(address, data | {"files": [factories.upload(GOOD + b"1;2\r\n", "a.csv")]})
    assert len(runs(organization)) == 2


def test_a09_the_same_content_again_is_pointed_out(member_client: Client, address: str) -> None:
    for name in ("a.csv", "b.csv"):
        data = form_data(member_client, address, factories.upload(GOOD, name))
        response = member_client.post(address, data, follow=True)
    assert "Your organization sent this same file on" in response.content.decode()


def test_a10_too_many_files_are_refused(member_client: Client, address: str, settings: Any) -> None:
    settings.UPLOAD_MAX_FILES = 1
    data = form_data(member_client, address, factories.upload(GOOD, "a.csv"), factories.upload(GOOD, "b.csv"))
    response = member_client.post(address, data)
    assert response.status_code == 422
    assert "Select at most 1 files at once." in response.content.decode()


def test_one_bad_file_among_good_ones_stops_none_of_those(
    member_client: Client, organization: Organization, address: str
) -> None:
    data = form_data(
        member_client, address, factories.upload(GOOD, "a.csv"), factories.upload(b"%PDF-1.7 x", "b.csv")
    )
    response = member_client.post(address, data, follow=True)
    assert [run.file_name for run in runs(organization)] == ["a.csv"]
    assert (
        "b.csv – The selected file is a PDF. Export it as CSV, then send that file."
        in response.content.decode()
    )


def test_an_unknown_profile_is_refused(
    member_client: Client, organization: Organization, address: str
) -> None:
    data = form_data(member_client, address, factories.upload(GOOD), profile="nobodys")
    assert member_client.post(address, data).status_code == 422
    assert runs(organization) == []


def test_a_forged_key_is_refused(member_client: Client, organization: Organization, address: str) -> None:
    data = form_data(member_client, address, factories.upload(GOOD), key="../../x")
    response = member_client.post(address, data)
    assert response.status_code == 422
    assert "The form was incomplete." in response.content.decode()
    assert runs(organization) == []


def test_e05_an_upload_without_the_forms_token_stores_nothing(
    organization: Organization, member: Any, address: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member, backend="organizations.backends.EmailBackend")
    data = {"files": [factories.upload(GOOD)], "profile": "quebec-medical", "key": str(uuid.uuid4())}
    response = client.post(address, data)
    assert response.status_code == 403
    assert "This page was open for too long" in response.content.decode()
    assert runs(organization) == []


def test_a_viewer_may_not_upload_and_is_not_offered_to(
    viewer_client: Client, organization: Organization, address: str
) -> None:
    assert viewer_client.get(address).status_code == 403
    page = viewer_client.get(reverse("validations:run-list", args=[organization.slug])).content.decode()
    assert address not in page


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a14_beyond_the_daily_limit_the_form_says_when_to_come_back(
    member_client: Client, address: str, accept: str
) -> None:
    Organization.objects.update(daily_upload_limit=0)
    data = form_data(member_client, address, factories.upload(GOOD))
    response = member_client.post(address, data, HTTP_ACCEPT=accept)
    assert (response.status_code, response["Retry-After"]) == (429, "3600")


def test_a_visitor_is_sent_to_the_sign_in_page_and_back(client: Client, address: str) -> None:
    response = client.get(address)
    assert response["Location"] == f"{reverse('account_login')}?next={address}"


def test_the_form_opens_with_what_a_link_asks_for(member_client: Client, address: str) -> None:
    page = member_client.get(address, {"encoding": "cp850", "header_line": "3"}).content.decode()
    assert '<option value="cp850" selected>' in page
    assert 'name="header_line" value="3"' in page


def test_the_template_of_a_profile_opens_in_a_french_spreadsheet(
    member_client: Client, organization: Organization
) -> None:
    address = reverse("validations:profile-template", args=[organization.slug, "quebec-medical"])
    response = member_client.get(address)
    assert response.content.startswith("\ufeff#;Facture;ID RAMQ;Date de Service".encode())
    assert response["Content-Disposition"] == 'attachment; filename="quebec-medical.csv"'
    assert member_client.get(address.replace("quebec-medical", "nobodys")).status_code == 404


def test_the_form_speaks_french_to_french_readers(organization: Organization, address: str) -> None:
    member = factories.member(organization, language="fr")
    response = signed_in(member).post(address, {"profile": "quebec-medical", "key": str(uuid.uuid4())})
    page = response.content.decode()
    assert '<html lang="fr">' in page
    assert "Sélectionnez un fichier." in page
    assert "<title>Erreur\u00a0: Envoyer" in page
