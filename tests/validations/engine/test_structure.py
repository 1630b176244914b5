"""The tolerant pass: what is broken is reported with its physical line, repaired, and nothing else is touched."""

import time
from pathlib import Path

import pytest

from tests.support.reading import cells, found, params, parse, places
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Limits

HEADER = b"no;date;nom;montant\n"


def row(number: int) -> bytes:
    """A row as it should be."""
    return b"%d;2025-01-%02d;Roy Luc;%d,50\n" % (number, number % 28 + 1, number)


def table(*lines: bytes) -> bytes:
    """A header and ten good rows, the given lines between the fifth and the sixth."""
    return HEADER + b"".join(map(row, range(1, 6))) + b"".join(lines) + b"".join(map(row, range(6, 11)))


def test_b05_a_short_row_is_filled_and_reported_with_its_line(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b"99;2025-02-01\n"))

    assert cells(parsed)[5] == ["99", "2025-02-01", None, None]
    assert places(parsed, "missing-cell") == [(6, 7)]
    assert parsed.reading.rows == 11


def test_b05_a_long_row_keeps_its_surplus_in_the_finding(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b"99;2025-02-01;Roy Luc;4,50;note\n"))

    assert cells(parsed)[5] == ["99", "2025-02-01", "Roy Luc", "4,50"]
    assert params(parsed, "extra-cell")["extra"] == ["note"]


def test_blank_rows_are_no_rows_and_keep_the_lines_behind_them_right(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b"\n", b";;;\n", b"99;x\n"))

    assert places(parsed, "blank-row") == [(None, 7), (None, 8)]
    assert places(parsed, "missing-cell") == [(6, 9)]


def test_line_ends_behind_the_last_row_are_no_finding(tmp_path: Path) -> None:
    assert not parse(tmp_path, table() + b"\n\n\n").counts


def test_the_last_line_needs_no_line_end(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table().removesuffix(b"\n"))

    assert parsed.reading.rows == 10
    assert not parsed.counts


def test_b02_an_unbalanced_quote_does_not_swallow_the_rows_behind_it(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b'98;2025-02-01;"Roy Luc;4,50\n', b'99;2025-02-02;"Roy; Luc";5,50\n'))

    assert parsed.reading.rows == 12
    assert cells(parsed)[5] == ["98", "2025-02-01", '"Roy Luc', "4,50"]
    assert cells(parsed)[6][2] == "Roy; Luc"
    assert places(parsed, "unclosed-quote") == [(6, 7)]


def test_b02_an_unclosed_quote_in_the_last_cell_names_the_line_where_it_opened(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b'98;2025-02-01;Roy;"4,50\n'))

    assert parsed.reading.rows == 11
    assert places(parsed, "unclosed-quote") == [(6, 7)]


def test_b02_two_unclosed_quotes_do_not_make_one_long_cell(tmp_path: Path) -> None:
    lines = (b'97;2025-02-01;Roy;"4,50\n', row(50), b'98;2025-02-01;Roy;5,50"\n')
    parsed = parse(tmp_path, table(*lines))

    assert parsed.reading.rows == 13


def test_b02_a_line_end_in_a_quoted_cell_is_part_of_the_cell(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b'98;2025-02-01;"Roy\r\nLuc;\n\nfils";4,50\n', b"99;short\n"))

    assert cells(parsed)[5] == ["98", "2025-02-01", "Roy\r\nLuc;\n\nfils", "4,50"]
    assert places(parsed, "missing-cell") == [(7, 11)]
    assert set(parsed.counts) == {"missing-cell"}


def test_b02_a_stray_quote_in_a_cell_is_reported_and_kept(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b'99;2025-02-01;"Roy "Lou" Luc";4,50\n'))

    assert cells(parsed)[5][2] == 'Roy "Lou" Luc'
    assert [(finding[2], finding[3], finding[4]) for finding in found(parsed, "stray-quote")] == [(6, 7, 2)]


def test_one_row_with_another_delimiter_is_read_by_it(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b"99\t2025-02-01\tRoy Luc\t4,50\n"))

    assert cells(parsed)[5] == ["99", "2025-02-01", "Roy Luc", "4,50"]
    assert places(parsed, "row-delimiter") == [(6, 7)]


def test_a_second_table_is_reported_and_not_read_as_rows_of_the_first(tmp_path: Path) -> None:
    second = b"no;date;nom\n" + b"1;2025-03-01;Roy\n" * 4
    parsed = parse(tmp_path, table() + second)

    assert parsed.reading.rows == 10
    assert places(parsed, "second-table") == [(None, 12)]


def test_a_note_below_the_table_is_no_row(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table() + b"\nFin du rapport;;;\n")

    assert parsed.reading.rows == 10
    assert places(parsed, "footer-skipped") == [(None, 13)]


def test_a_row_of_one_cell_between_rows_is_not_dropped(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b"\n", b"Suite\n"))

    assert cells(parsed)[5] == ["Suite", None, None, None]


def test_every_physical_line_is_right_through_all_that_shifts_lines(tmp_path: Path) -> None:
    data = table(b"\n", b'98;x;"a\nb";1\n', HEADER, b"99;short\n")
    parsed = parse(tmp_path, data + b"100;short\n")
    expected = [
        index for index, line in enumerate([*data.split(b"\n"), b"100;short"], 1) if line.endswith(b";short")
    ]

    assert next(line for _, line in places(parsed, "missing-cell")) == expected[0]


def test_b05_when_all_rows_have_one_cell_more_it_is_a_column_without_name(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a;b;c\n" + b"1;2;3;4\n" * 30)

    assert parsed.counts == {"blank-header": 1}


SMALL = Limits(line_bytes=20_000, columns=50, cell_chars=5_000, quoted_lines=20, quoted_bytes=10_000)


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 100_000,
        table(b"9;" + b"y" * 30_000 + b"\n"),
        b";".join(b"c%d" % number for number in range(200)) + b"\n" + b";".join([b"1"] * 200) + b"\n",
        table(b";".join([b"1"] * 200) + b"\n"),
        table(b"9;2025-01-01;" + b"z" * 6_000 + b";1,50\n"),
    ],
)
def test_b03_what_passes_a_limit_is_refused_by_line(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse(tmp_path, data, limits=SMALL)

    assert caught.value.code == "limit-exceeded"
    assert "line" in caught.value.params


def test_b03_an_unclosed_quote_at_the_start_costs_bounded_work(tmp_path: Path) -> None:
    data = HEADER + b'1;"2025-01-01;Roy;1,50\n' + b"".join(map(row, range(20_000)))
    started = time.process_time()
    parsed = parse(tmp_path, data)

    assert parsed.reading.rows == 20_001
    assert places(parsed, "unclosed-quote") == [(1, 2)]
    assert time.process_time() - started < 10


def test_b04_findings_without_number_take_no_memory_without_number(tmp_path: Path) -> None:
    parsed = parse(tmp_path, HEADER + row(1) * 60 + b"1;2\n" * 40_000)

    assert parsed.counts["missing-cell"] == 40_000
    assert sum(1 for _ in parsed.findings()) == 40_000
    assert len(parsed.spool._waiting) < 5_000


def test_b02_line_ends_inside_cells_are_no_line_ends_of_another_kind(tmp_path: Path) -> None:
    data = table(b'98;2025-02-01;"Roy\nLuc";4,50\n').replace(b"\n", b"\r\n").replace(b"Roy\r\n", b"Roy\n")
    parsed = parse(tmp_path, data)

    assert (cells(parsed)[5][2], parsed.reading.line_ends) == ("Roy\nLuc", "crlf")
    assert not parsed.counts


def test_numbers_written_as_formulas_are_read_as_their_text_and_counted_once(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b'="098";2025-02-01;"=""Roy; Luc""";4,50\n', b'="099";x;"a\nb";1\n'))

    assert cells(parsed)[5] == ["098", "2025-02-01", "Roy; Luc", "4,50"]
    assert (cells(parsed)[6][0], params(parsed, "text-formula")) == ("099", {"count": 3})
    assert set(parsed.counts) == {"text-formula"}


def test_b06_a_formula_that_would_compute_stays_as_it_is(tmp_path: Path) -> None:
    parsed = parse(tmp_path, table(b'98;2025-02-01;"=HYPERLINK(""http://x"")";4,50\n'))

    assert cells(parsed)[5][2] == '=HYPERLINK("http://x")'
    assert not parsed.counts


def test_lines_quoted_as_a_whole_are_read_as_rows(tmp_path: Path) -> None:
    lines = table(b'98;2025-02-01;"Roy; Luc";4,50\n').splitlines()
    parsed = parse(tmp_path, b"".join(b'"' + line.replace(b'"', b'""') + b'"\n' for line in lines))

    assert cells(parsed)[5] == ["98", "2025-02-01", "Roy; Luc", "4,50"]
    assert parsed.counts == {"lines-quoted": 1}


def test_one_column_of_quoted_texts_is_one_column(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b'"nom"\n"Roy, Luc"\n"Roy, Ann"\n"Noel, Zoe"\n')

    assert cells(parsed) == [["Roy, Luc"], ["Roy, Ann"], ["Noel, Zoe"]]
