"""Where the header stands, if there is one."""

from pathlib import Path

import pytest

from tests.support.reading import cells, cleaned, found, labels, params, parse, places
from validations.engine.errors import UnreadableFileError

HEADER = b"Facture;Date;Nom;Montant\n"
ROWS = b"100000001;2025-01-05;Roy Luc;47,05\n100000002;2025-01-06;Cote Zoe;12,50\n"


def test_lines_above_the_header_are_left_out_and_counted(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"Clinique du Parc;;;\nExport du;2025-02-01;;\n;;;\n" + HEADER + ROWS)

    assert labels(parsed) == ["Facture", "Date", "Nom", "Montant"]
    assert (parsed.reading.header_line, parsed.reading.skipped_lines) == (4, 3)
    assert params(parsed, "preamble-skipped") == {"count": 3}


def test_a_file_without_header_keeps_its_first_row(tmp_path: Path) -> None:
    parsed = parse(tmp_path, ROWS)

    assert parsed.reading.header_line is None
    assert parsed.reading.rows == 2
    assert len(found(parsed, "header-missing")) == 1


def test_the_cleaned_file_invents_no_header(tmp_path: Path) -> None:
    assert cleaned(parse(tmp_path, ROWS), tmp_path)[0] == ["100000001", "2025-01-05", "Roy Luc", "47,05"]


def test_b05_a_header_alone_is_a_table_of_no_rows(tmp_path: Path) -> None:
    parsed = parse(tmp_path, HEADER)

    assert (parsed.reading.rows, len(labels(parsed))) == (0, 4)
    assert not parsed.counts


def test_a_table_of_text_only_has_a_header(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "rue;ville\nRue A;Laval\nRue B;Gaspé\n".encode())

    assert labels(parsed) == ["rue", "ville"]


def test_group_names_above_the_names_are_joined_in_the_cleaned_file(tmp_path: Path) -> None:
    data = b"Patient;;Acte;\nNom;NAM;Code;Montant\nRoy;ROYL85010112;8857;47,05\nCote;COTZ62051203;8859;9,00\n"
    parsed = parse(tmp_path, data)

    assert labels(parsed) == ["Nom", "NAM", "Code", "Montant"]
    assert cleaned(parsed, tmp_path)[0] == ["Patient Nom", "Patient NAM", "Acte Code", "Acte Montant"]


def test_a_header_written_twice_is_one_header(tmp_path: Path) -> None:
    parsed = parse(tmp_path, HEADER + HEADER + ROWS)

    assert labels(parsed) == ["Facture", "Date", "Nom", "Montant"]
    assert parsed.reading.rows == 2
    assert params(parsed, "header-joined") == {"count": 2}


def test_a_header_between_the_rows_is_left_out_and_reported(tmp_path: Path) -> None:
    parsed = parse(tmp_path, HEADER + ROWS + HEADER + ROWS)

    assert parsed.reading.rows == 4
    assert places(parsed, "header-repeated") == [(None, 4)]


def test_b05_columns_without_a_name_are_one_finding_each(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a;;c;\n" + b"1;2;3;x\n" * 20)

    assert [(finding[2], finding[4]) for finding in found(parsed, "blank-header")] == [(None, 1), (None, 3)]


def test_b05_columns_of_one_name_are_one_finding_each(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"code;nom;code\n" + b"8857;Roy;8859\n" * 20)

    assert params(parsed, "duplicate-label") == {"column": "C", "first_column": "A", "label": "code"}


def test_a_delimiter_at_the_end_of_the_header_alone_makes_no_column(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a;b;c;\n" + b"1;2;3\n" * 5)

    assert labels(parsed) == ["a", "b", "c"]
    assert "missing-cell" not in parsed.counts


def test_a_first_row_shifted_by_a_delimiter_is_no_second_header(tmp_path: Path) -> None:
    parsed = parse(tmp_path, HEADER + b";100000001;2025-01-05;Roy Luc;47,05\n" + ROWS * 3)

    assert parsed.reading.rows == 7
    assert cells(parsed)[0] == ["100000001", "2025-01-05", "Roy Luc", "47,05"]


def test_the_caller_may_say_where_the_header_is(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"x;y;z;w\n" + HEADER + ROWS, header_line=2)

    assert (labels(parsed)[0], parsed.reading.rows) == ("Facture", 2)


def test_the_caller_may_say_that_there_is_no_header(tmp_path: Path) -> None:
    assert parse(tmp_path, HEADER + ROWS, header_line=0).reading.rows == 3


def test_a_header_line_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse(tmp_path, HEADER + ROWS, header_line=50)

    assert caught.value.code == "header-missing"


def test_a_quoted_header_between_the_rows_is_known_again(tmp_path: Path) -> None:
    header = b'"Facture";"Date";"Nom";"Montant"\n'
    parsed = parse(tmp_path, header + ROWS + header + ROWS)

    assert parsed.reading.rows == 4
    assert places(parsed, "header-repeated") == [(None, 4)]


def test_in_a_single_column_a_value_may_equal_the_name(tmp_path: Path) -> None:
    assert parse(tmp_path, b"x\n" * 50).reading.rows >= 49
