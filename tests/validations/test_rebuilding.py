"""A run's table written again from the database is the table that was sent."""

import csv
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import rebuilding
from validations.models import ValidationRun

HEADER = (
    "Facture;ID RAMQ;Date de Service;Début;Lieu de pratique;Code;Unités;Montant Preliminaire;Agence;Note;Note;"
    "Doctor Info;Patient"
)
ROWS = [
    "100000001;12345678901;2026-11-03;08:30;51234;00103;1;47,05;Nord;a;b;1632084-12345 Roy;TREM80010112 Tremblay Marie",
    "100000002;12345678902;2026-11-04;8h05;51234;00103;1,5;12.50;Sud;;b;1632084-12345 Roy;TREM80010112 Tremblay Marie",
    ' 100000003;12345678903;05/11/2026;25:99;5123;00103;2;1 234,56 $;" Est ";;;1632084 Roy;TREM80010112 Côté, Zoé',
    '12;12345678904;hier;;51234;x;1;douze;"a;b";"dit ""oui""";;1632084-12345 Roy;TREM80010112 Lévis',
]


def checked(
    organization: Organization, member: User, content: bytes, name: str = "mars.csv"
) -> ValidationRun:
    run = factories.sent_run(organization, member, upload=SimpleUploadedFile(name, content))
    drain()
    run.refresh_from_db()
    assert run.status == "completed", run.error_code
    return run


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(), delimiter=";"))


def test_every_cell_comes_back_as_it_was_sent(organization: Organization, member: User) -> None:
    run = checked(organization, member, "\r\n".join([HEADER, *ROWS]).encode("cp1252"))
    assert list(rebuilding.table_of(run)) == cells("\n".join([HEADER, *ROWS]))


def test_rows_know_their_number_and_their_line(organization: Organization, member: User) -> None:
    run = checked(organization, member, "\r\n".join(["Rapport de mars", "", HEADER, *ROWS]).encode("cp1252"))
    assert [(row.number, row.line) for row in rebuilding.rows_of(run)] == [(1, 4), (2, 5), (3, 6), (4, 7)]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_the_file_is_written_in_the_senders_own_dialect(
    organization: Organization, member: User, tmp_path: Path, encoding: str, line_end: str
) -> None:
    sent = (line_end.join([HEADER, *ROWS]) + line_end).replace('" Est "', " Est ").encode(encoding)
    run = checked(organization, member, sent)
    target = tmp_path / "again.csv"
    rebuilding.write_table(run, target, lambda: rebuilding.table_of(run))
    assert target.read_bytes().decode(encoding) == sent.decode(encoding)


def test_a_file_without_column_names_is_written_without_them(
    organization: Organization, member: User, tmp_path: Path
) -> None:
    run = factories.sent_run(organization, member, "\r\n".join(ROWS).encode("cp1252"))
    ValidationRun.unscoped.filter(pk=run.pk).update(options={"header_line": 0})
    drain()
    run.refresh_from_db()
    assert rebuilding.header_of(run) == []
    assert list(rebuilding.table_of(run)) == cells("\n".join(ROWS))


def test_cells_beyond_the_tables_width_stay_at_the_end_of_their_row(
    organization: Organization, member: User
) -> None:
    run = checked(
        organization, member, "\r\n".join([HEADER, ROWS[1], f"{ROWS[0]};surplus", ROWS[3]]).encode()
    )
    assert [len(row.cells) for row in rebuilding.rows_of(run)] == [13, 14, 13]
    assert list(rebuilding.rows_of(run))[1].cells[-1] == "surplus"


def test_changes_are_written_and_nothing_else_moves(organization: Organization, member: User) -> None:
    run = checked(organization, member, "\r\n".join([HEADER, *ROWS]).encode("cp1252"))
    changes = rebuilding.Changes(lambda first, last: {(2, 7): "12,50"}, plain_columns=frozenset({0, 3}))
    expected = cells("\n".join([HEADER, *ROWS]))
    expected[2][7], expected[2][3], expected[3][0] = "12,50", "08:05", "100000003"
    assert list(rebuilding.table_of(run, changes)) == expected


def test_a_fix_that_the_encoding_cannot_hold_is_not_lost(
    organization: Organization, member: User, tmp_path: Path
) -> None:
    run = checked(organization, member, "\r\n".join([HEADER, *ROWS]).encode("cp1252"))
    target = tmp_path / "again.csv"
    changes = rebuilding.Changes(lambda first, last: {(1, 8): "Łódź"})
    rebuilding.write_table(run, target, lambda: rebuilding.table_of(run, changes))
    assert "Łódź" in target.read_bytes().decode("utf-8-sig")
