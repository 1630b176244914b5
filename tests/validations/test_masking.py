"""Data of patients never reaches a reader without the right to see it: by page, download, program, search or order."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import ActionKind, AuditEntry
from organizations.models import Organization, Role, User
from organizations.roles import Permission
from tests import factories
from tests.conftest import end, signed_in
from tests.support.jobs import drain
from validations.exports import Source, Wanted, formats, in_order
from validations.models import Finding, ValidationRun
from validations.querysets import FindingFilter, findings_page
from validations.veil import drawn_over

# Stands in every value that has to do with a patient, and nowhere else.
MARK = "ZQPL"
HEADER = "Facture;ID RAMQ;Date de Service;Code;Montant;Patient;Diagnostic;Remarques"
LINES = (
    f"123456789;12345678901;2026-01-05;15804;12,50;{MARK}A1;{MARK}D1;{MARK}R1",
    f"12;12345678902;2026-02-30;15804;x;{MARK}A2;{MARK}D2;{MARK}R2",
    # A row with a cell too many, and one that repeats another.
    f"123456789;12345678903;2026-01-06;99999;12,50;{MARK}A3;{MARK}D3;{MARK}R3;{MARK}X3",
    f"123456789;12345678903;2026-01-06;99999;12,50;{MARK}A3;{MARK}D3;{MARK}R3",
    f"123456789;12345678904;2026-01-07;15804;12.50;{MARK} 6501 0112;{MARK}D4;{MARK}R4",
)
CONTENT = "\r\n".join([HEADER, *LINES, ""]).encode("cp1252")
# May do everything with files but see who the patients are.
BLIND = sorted({one.value for one in Permission} - {Permission.VIEW_PATIENTS})


@pytest.fixture
def run(organization: Organization, member: User) -> ValidationRun:
    """A checked file full of marks, and an earlier one to compare it with."""
    factories.sent_run(organization, member, CONTENT.replace(b"A1", b"B1"), idempotency_key="1")
    drain()
    made = factories.sent_run(organization, member, CONTENT, idempotency_key="2")
    drain()
    made.refresh_from_db()
    assert Finding.unscoped.filter(result=made.result_id, value__contains=MARK).exists()
    return made


@pytest.fixture
def blind(organization: Organization) -> User:
    Role.unscoped.create(organization=organization, key="blind", title="Blind", permissions=BLIND)
    return factories.member(organization, "blind")


def addresses(run: ValidationRun) -> Iterator[str]:
    """Every page of the run, in the ways in which it can be asked for."""
    page = reverse("validations:run-detail", args=["erables", run.pk])
    yield page
    for finding in Finding.unscoped.filter(result=run.result_id):
        yield f"{page}?code={finding.code}&finding={finding.pk}"
    for query in ("code=all", "code=all&group=value", "code=all&sort=value", "code=all&sort=-value"):
        yield f"{page}?{query}"
    for name in ("run-fixes", "run-compare", "run-findings-csv"):
        yield reverse(f"validations:{name}", args=["erables", run.pk])
    compare = reverse("validations:run-compare", args=["erables", run.pk])
    yield from (f"{compare}?kind={kind}" for kind in ("fixed", "new", "still"))
    yield reverse("validations:run-list", args=["erables"])
    yield f"/api/validations/{run.pk}"
    yield f"/api/validations/{run.pk}/findings?perPage=500"


def text_of(content: bytes) -> str:
    """What somebody can read in a page, a table, a workbook or a report."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            return "".join(book.read(name).decode(errors="replace") for name in book.namelist())
    return content.decode(errors="replace")


def holds_mark(text: str) -> bool:
    return MARK.casefold() in text.casefold()


def body(response: Any) -> bytes:
    content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
    end(response)
    return content


def test_who_may_see_patients_sees_them(run: ValidationRun, member: User) -> None:
    client = signed_in(member)
    shown = {address.split("?")[0]: True for address in addresses(run) if holds_mark(read(client, address))}
    assert {address.rsplit("/", 2)[-2] for address in shown} >= {str(run.pk), "fixes", "compare"}


def read(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code in (200, 403), address
    return text_of(body(response))


@pytest.mark.parametrize("role", ["viewer", "blind"])
def test_no_page_shows_patients_to_who_may_not_see_them(
    run: ValidationRun, viewer: User, blind: User, role: str
) -> None:
    client = signed_in(viewer if role == "viewer" else blind)
    for address in addresses(run):
        assert not holds_mark(read(client, address)), address
    assert "Data of patients is masked" in read(client, next(addresses(run)))


def test_a_row_that_was_taken_for_the_header_is_masked_too(
    organization: Organization, member: User, viewer: User
) -> None:
    content = "\r\n".join([*LINES[:2], ""]).encode()
    run = factories.sent_run(organization, member, content, options={"header_line": 1})
    drain()
    run.refresh_from_db()
    assert holds_mark(json.dumps(run.reading))
    assert holds_mark(read(signed_in(member), next(addresses(run))))
    client = signed_in(viewer)
    for address in addresses(run):
        assert not holds_mark(read(client, address)), address
    wanted = FindingFilter(search=MARK, veil=drawn_over(run))
    assert findings_page(run, wanted).total == 0
    for name in ("report-json", "findings-xlsx"):
        source = Source(run=run, language="en", wanted=Wanted(masked=True))
        assert not holds_mark(text_of(b"".join(formats[name].blocks(source)))), name


def test_a_program_of_such_a_person_reads_none_either(
    organization: Organization, run: ValidationRun, blind: User
) -> None:
    client = Client(headers={"Authorization": f"Bearer {factories.api_key(organization, blind, 'Program')}"})
    found = client.get(f"/api/validations/{run.pk}/findings?perPage=500")
    assert found.status_code == 200
    assert "•••" in {item["value"] for item in found.json()["items"]}
    assert not holds_mark(found.content.decode())


@pytest.mark.parametrize("name", [kind.name for kind in in_order()])
def test_no_download_holds_patients_for_who_may_not_see_them(
    run: ValidationRun, member: User, blind: User, name: str
) -> None:
    address = reverse("validations:run-export", args=["erables", run.pk])
    theirs = signed_in(member).post(address, {"format": name})
    response = signed_in(blind).post(address, {"format": name})
    if formats[name].has_rows:
        assert response.status_code == 403
        return
    assert theirs.status_code == response.status_code
    if response.status_code == 302:
        drain()
        theirs, response = (
            signed_in(member).get(f"{theirs['Location']}file/"),
            signed_in(blind).get(f"{response['Location']}file/"),
        )
    # The text of a PDF is compressed: what goes into it is looked at below.
    assert holds_mark(text_of(body(theirs))) or name == "report-pdf"
    assert response.status_code == 200
    assert not holds_mark(text_of(body(response)))


def test_the_report_on_paper_is_made_from_masked_examples(run: ValidationRun) -> None:
    assert holds_mark(json.dumps(run.summary))
    assert not holds_mark(json.dumps(drawn_over(run).over_summary(run.summary)))


def test_a_file_made_for_somebody_else_is_not_handed_to_who_may_not_see_patients(
    run: ValidationRun, member: User, blind: User
) -> None:
    export = factories.made_export(run, member)
    address = reverse("validations:export-file", args=["erables", run.pk, export.pk])
    response = signed_in(member).get(address)
    assert (response.status_code, body(response)) == (200, b"{}")
    assert signed_in(blind).get(address).status_code == 403
    assert signed_in(blind).get(f"/api/validations/{run.pk}/exports/{export.pk}/file").status_code == 403


def test_a_search_for_a_patient_finds_nothing_for_who_may_not_see_them(run: ValidationRun) -> None:
    veil = drawn_over(run)
    for wanted in ({"search": MARK}, {"value": f"{MARK}A2"}, {"search": MARK.lower()}):
        assert findings_page(run, FindingFilter(**wanted)).total > 0, wanted  # type: ignore[arg-type]
        assert findings_page(run, FindingFilter(**wanted, veil=veil)).total == 0, wanted  # type: ignore[arg-type]
    # What is no patient's is found all the same.
    assert findings_page(run, FindingFilter(search="2026-02-30", veil=veil)).total > 0


def test_the_order_of_hidden_values_is_not_told(run: ValidationRun) -> None:
    veil = drawn_over(run)
    for sort in ("value", "-value"):
        masked = findings_page(run, FindingFilter(veil=veil), sort=sort).items
        assert [finding.pk for finding in masked] == [
            finding.pk for finding in findings_page(run, FindingFilter()).items
        ]


def test_a_profile_that_marks_no_field_hides_all_of_them(run: ValidationRun) -> None:
    for entry in run.profile.descriptor["fields"]:
        entry.pop("sensitive", None)
    assert drawn_over(run).shown == frozenset()


def test_who_looked_is_told_once_an_hour_and_only_of_who_saw_something(
    run: ValidationRun, member: User, viewer: User
) -> None:
    page = next(addresses(run))
    for _ in range(3):
        signed_in(member).get(page)
    signed_in(viewer).get(page)
    line = AuditEntry.objects.get(action=ActionKind.VIEW_PATIENT)
    assert (line.by_id, line.target_kind, line.target) == (member.pk, "run", str(run.pk))
    assert (line.tenant_id, line.address) == (run.organization_id, "127.0.0.1")
