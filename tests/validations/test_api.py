"""The JSON API: upload, progress, findings, and its border."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.models import Job
from organizations.models import ApiKey, Organization, User
from tests import factories
from tests.support.jobs import drain
from validations.models import ValidationRun

CSV = (
    "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient\r\n"
    ";12345678901;2026-11-03;51234;00103;47,05;1632084-12345 Roy;TREM80010112 Tremblay Marie\r\n"
)


def post(key: str, file: SimpleUploadedFile | None, **fields: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    if "idempotency_key" in fields:
        headers["Idempotency-Key"] = fields.pop("idempotency_key")
    return Client(headers=headers).post("/api/validations", {"file": file or "", **fields})


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_answered_with_202_and_ends_with_findings(api_key: str) -> None:
    answer = post(api_key, factories.upload(CSV.encode()))
    body = answer.json()
    assert answer.status_code == 202
    assert set(body) == {"validationId", "status", "jobId"}
    assert body["status"] == "queued"
    drain()
    client = Client(headers={"Authorization": f"Bearer {api_key}"})
    run = client.get(f"/api/validations/{body['validationId']}").json()
    assert (run["status"], run["verdict"]) == ("completed", "refused")
    found = client.get(f"/api/validations/{body['validationId']}/findings?code=required").json()
    assert [(item["line"], item["column"]) for item in found["items"]] == [(2, "Facture")]


def test_a12_without_a_key_nothing_is_stored(db: None) -> None:
    answer = Client().post("/api/validations", {"file": factories.upload()})
    assert answer.status_code == 401
    assert not ValidationRun.unscoped.exists()


def test_a01_an_upload_without_a_file_is_told_to_select_one(api_key: str) -> None:
    answer = post(api_key, None)
    assert answer.status_code == 422
    assert answer.json()["code"] == "file-missing"


def test_a05_a_refused_file_leaves_nothing(api_key: str, settings: Any) -> None:
    answer = post(api_key, factories.upload(b"%PDF-1.7", "lines.csv"))
    assert answer.status_code == 422
    assert answer.json()["code"] == "file-kind"
    assert not ValidationRun.unscoped.exists()
    assert not Job.objects.exists()
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_a09_the_same_idempotency_key_gives_the_same_run(api_key: str) -> None:
    first = post(api_key, factories.upload(CSV.encode()), idempotency_key="k1").json()
    second = post(api_key, factories.upload(CSV.encode()), idempotency_key="k1")
    assert second.status_code == 202
    assert second.json()["validationId"] == first["validationId"]
    assert ValidationRun.unscoped.count() == 1


def test_d01_another_organization_and_no_run_answer_alike(
    api_key: str, other_organization: Organization, outsider: User
) -> None:
    foreign = factories.completed_run(other_organization, outsider)
    client = Client(headers={"Authorization": f"Bearer {api_key}"})
    for path in ("", "/findings"):
        theirs = client.get(f"/api/validations/{foreign.pk}{path}")
        nobodys = client.get(f"/api/validations/00000000-0000-4000-8000-000000000000{path}")
        assert (theirs.status_code, theirs.content) == (404, nobodys.content)
        assert theirs.json()["code"] == "not-found"


def test_d04_fields_that_are_not_the_senders_are_never_written(
    api_key: str, other_organization: Organization
) -> None:
    answer = post(
        api_key,
        factories.upload(CSV.encode()),
        status="completed",
        verdict="accepted",
        organization="boreale",
    )
    run = ValidationRun.unscoped.get(pk=answer.json()["validationId"])
    assert (run.status, run.verdict, run.organization.slug) == ("queued", "", "erables")


def test_a13_a_viewer_may_not_upload(organization: Organization, viewer: User) -> None:
    key = factories.api_key(organization, viewer, "Viewer's program")
    answer = post(key, factories.upload(CSV.encode()))
    assert answer.status_code == 403
    assert not ValidationRun.unscoped.exists()


def test_e10_a_key_in_the_address_or_a_revoked_key_opens_nothing(api_key: str) -> None:
    assert Client().get(f"/api/validations/x?key={api_key}").status_code in (401, 404)
    ApiKey.unscoped.update(revoked_at="2026-01-01T00:00:00Z")
    assert post(api_key, factories.upload()).status_code == 401


def test_b08_wild_paging_and_sorting_are_clamped(
    organization: Organization, member: User, api_key: str
) -> None:
    run = factories.completed_run(organization, member, findings=3)
    client = Client(headers={"Authorization": f"Bearer {api_key}"})
    for query in (
        "page=-1",
        f"page={10**9}",
        "sort=password",
        f"perPage={10**6}",
        "search=' OR 1=1--",
        "search=%25",
    ):
        answer = client.get(f"/api/validations/{run.pk}/findings?{query}")
        assert answer.status_code == 200, query
        assert json.loads(answer.content)["page"] == 1


def test_the_documentation_page_loads_nothing_from_elsewhere(db: None, superuser: User) -> None:
    client = Client()
    client.force_login(superuser, backend="organizations.backends.EmailBackend")
    page = client.get("/api/docs").content.decode()
    assert "//cdn" not in page
    assert "https://" not in page
