"""Delimiter, quoting, escapes and line ends, told from the lines."""

from pathlib import Path

import pytest

from tests.support.reading import cells, found, labels, parse, places

ROWS = [
    ["Facture", "Date", "Nom", "Montant", "Note"],
    ["100000001", "2025-01-05", "Roy Luc", "47,05", "vu à l'urgence"],
    ["100000002", "2025-01-06", "Gagné Zoé", "12,50", ""],
    ["100000003", "2025-01-07", "Côté Jean", "8,00", "suivi"],
    ["100000004", "2025-01-08", "Lévis Anne", "110,25", "R/V annulé"],
]


def written(delimiter: str, *, quote: str = '"', end: str = "\n") -> bytes:
    """The rows with each cell that needs it quoted."""

    def cell(text: str) -> str:
        return f"{quote}{text}{quote}" if delimiter in text else text

    return end.join(delimiter.join(map(cell, row)) for row in [*ROWS, []]).encode()


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|", "^", "~", "||"])
def test_b02_the_delimiter_is_told_from_the_lines(tmp_path: Path, delimiter: str) -> None:
    parsed = parse(tmp_path, written(delimiter))

    assert parsed.reading.delimiter == delimiter
    assert [labels(parsed), *cells(parsed)] == ROWS
    assert not parsed.counts


@pytest.mark.parametrize(("end", "name"), [("\n", "lf"), ("\r\n", "crlf"), ("\r", "cr")])
def test_b02_every_line_end_ends_a_line(tmp_path: Path, end: str, name: str) -> None:
    parsed = parse(tmp_path, written(";", end=end))

    assert parsed.reading.line_ends == name
    assert cells(parsed) == ROWS[1:]
    assert not parsed.counts


def test_b02_mixed_line_ends_are_one_finding(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a;b;c\r\n1;2;3\n4;5;6\r7;8;9\r\n")

    assert cells(parsed) == [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]]
    assert len(found(parsed, "mixed-line-ends")) == 1


def test_a_row_behind_a_lone_return_keeps_its_physical_line(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a;b;c\n1;2;3\r4;5;6\n7;8\n")

    assert places(parsed, "missing-cell") == [(3, 4)]


def test_the_apostrophe_quotes_where_it_stands_at_the_edges_of_cells(tmp_path: Path) -> None:
    data = b"id,nom,note\n1,'Roy, Luc','a, b'\n2,'Roy, Ann','c'\n3,'Noel, Zoe','d, e, f'\n"
    parsed = parse(tmp_path, data)

    assert parsed.reading.quotechar == "'"
    assert cells(parsed)[0] == ["1", "Roy, Luc", "a, b"]


def test_apostrophes_in_words_are_no_quotes(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"id;ville\n1;L'Assomption\n2;Val-d'Or\n3;'s Gravenhage\n")

    assert parsed.reading.quotechar == '"'
    assert [row[1] for row in cells(parsed)] == ["L'Assomption", "Val-d'Or", "'s Gravenhage"]


def test_a_backslash_escapes_where_marks_carry_one(tmp_path: Path) -> None:
    data = b'id;note;ok\n1;"dit \\"oui\\"; puis part";x\n2;"dit \\"non\\"";y\n3;"C:\\\\temp";z\n'
    parsed = parse(tmp_path, data)

    assert parsed.reading.escapechar == "\\"
    assert [row[1] for row in cells(parsed)] == ['dit "oui"; puis part', 'dit "non"', "C:\\temp"]
    assert not parsed.counts


def test_a_lone_backslash_is_text(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b'id;note\n1;"C:\\temp"\n2;"a ""b"""\n3;c\n')

    assert [row[1] for row in cells(parsed)] == ["C:\\temp", 'a "b"', "c"]


def test_a_space_behind_each_delimiter_is_no_part_of_quoted_cells(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b'id, nom, note\n1, "Roy, Luc", x\n2, "Cote, Ann", y\n3, "Noel, Zoe", z\n')

    assert cells(parsed)[0] == ["1", "Roy, Luc", "x"]
    assert parsed.reading.delimiter == ", "


def test_a_sep_line_names_the_delimiter_and_is_no_row(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"sep=|\na|b\n1|2,5\n3|4,5\n")

    assert (labels(parsed), cells(parsed)) == (["a", "b"], [["1", "2,5"], ["3", "4,5"]])
    assert parsed.counts == {"sep-line": 1}


@pytest.mark.parametrize(
    "column",
    [
        ["nom", "Roy Luc", "Tremblay Anne", "Côté Marc"],
        ["horodatage", "2025-01-05 08:30:00", "2025-01-06 09:15:20", "2025-02-07 10:45:59"],
        ["heure", "08:30", "09:15", "10:45"],
        ["code", "A100", "A200", "B300"],
    ],
)
def test_one_column_is_a_table_too(tmp_path: Path, column: list[str]) -> None:
    parsed = parse(tmp_path, "\n".join(column).encode())

    assert [labels(parsed), *cells(parsed)] == [[cell] for cell in column]


def test_a_delimiter_first_seen_behind_the_head_of_the_file_counts(tmp_path: Path) -> None:
    rows = "".join(f"{number};Roy, Luc;{number},50\n" for number in range(60))
    parsed = parse(tmp_path, f"no;nom;montant\n{rows}".encode())

    assert parsed.reading.delimiter == ";"
    assert parsed.reading.rows == 60


def test_what_the_caller_declares_is_obeyed(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a,b;c\n'1,2';3\n", delimiter=";", quotechar="'")

    assert (labels(parsed), cells(parsed)) == (["a,b", "c"], [["1,2", "3"]])
