"""The sender's own file with the accepted fixes in it."""

from collections.abc import Mapping
from typing import Any

import pytest

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import export_services, services
from validations.exports import Source, Wanted, formats
from validations.exports.corrected_csv import CorrectedCsv
from validations.models import Finding, ValidationRun

HEADER = "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient"
LINES = [
    f"10000000{n};1234567890{n};2026-11-03;51234;00103;{amount};1632084-12345 Roy;{patient}"
    for n, amount, patient in (
        (1, "12.50", "TREM80010112 Gagné Zoé"),
        (2, "13,50", '"TREM80010112 Roy; Luc"'),
        (3, "14.50", "=TREM80010112"),
    )
]
SENT = "".join(f"{line}\r\n" for line in [HEADER, *LINES])


@pytest.fixture
def sent(organization: Organization, member: User) -> ValidationRun:
    """A checked file with two decimal points."""
    content = SENT.encode("cp1252")
    run = factories.sent_run(organization, member, content, upload=factories.upload(content, "mars.csv"))
    drain()
    run.refresh_from_db()
    return run


def accept(run: ValidationRun, by: User) -> None:
    services.decide_fixes(run=run, by=by, codes=("money-format",), is_accepted=True, finding=None)


def file_of(run: ValidationRun, fixes: Mapping[str, Any] | None = None) -> bytes:
    wanted = Wanted(fixes=fixes) if fixes is not None else CorrectedCsv().settled(run, Wanted())
    return b"".join(formats["corrected-csv"].blocks(Source(run=run, language="en", wanted=wanted)))


def test_it_is_the_file_as_it_was_sent_but_for_the_accepted_fixes(sent: ValidationRun, member: User) -> None:
    # B06: but for what would act in a spreadsheet.
    untouched = SENT.replace("=TREM", "'=TREM").encode("cp1252")
    assert file_of(sent) == untouched
    accept(sent, member)
    assert file_of(sent) == untouched.replace(b"12.50", b"12,50").replace(b"14.50", b"14,50")


def test_the_fixes_are_those_that_were_accepted_when_it_was_asked_for(
    sent: ValidationRun, member: User
) -> None:
    kind = formats["corrected-csv"]
    before = export_services.request_export(run=sent, kind=kind, wanted=Wanted(), by=member)
    accept(sent, member)
    after = export_services.request_export(run=sent, kind=kind, wanted=Wanted(), by=member)
    assert after != before
    drain()
    texts = []
    for export in (before, after):
        export.refresh_from_db()
        with export.file.open() as file:
            texts.append(file.read())
    assert [text.count(b".50") for text in texts] == [2, 0]
    again = export_services.request_export(run=sent, kind=kind, wanted=Wanted(), by=member)
    assert again == after


def test_a_fix_that_the_encoding_cannot_hold_makes_it_utf_8(sent: ValidationRun, member: User) -> None:
    Finding.unscoped.filter(result=sent.result, code="money-format").update(suggestion="Łódź")
    accept(sent, member)
    text = file_of(sent).decode("utf-8-sig")
    assert text.count("Łódź") == 2
    assert "Gagné" in text
