"""Rows that are no rows, characters that are none, very large tables and cells, and what spreadsheets write."""

from collections.abc import Iterator

from tests.support.pollution.table import HEADER, Polluted, Row, Style, base_rows, changed, text_of, whole


def files() -> Iterator[Polluted]:
    """The files."""
    rows = base_rows()
    yield from _blank_rows(rows)
    yield from _characters(rows)
    yield from _sizes(rows)
    yield from _spreadsheets(rows)


def _blank_rows(rows: list[Row]) -> Iterator[Polluted]:
    lines = [Style().line(row) for row in [HEADER, *rows]]
    blank = [*lines[:20], "\r\n", ";" * 8 + "\r\n", *lines[20:]]
    yield Polluted("blank rows", "".join(blank).encode(), HEADER, rows)
    yield Polluted("every second line blank", "\r\n".join(lines).encode(), HEADER, rows)
    below = [lines[0], "\r\n", *lines[1:]]
    yield Polluted("a blank line below the header", "".join(below).encode(), HEADER, rows)


def _characters(rows: list[Row]) -> Iterator[Polluted]:
    data = text_of([HEADER, *rows]).encode()
    yield Polluted("zero bytes", data.replace(b"100000007", b"1000\x0000007"), HEADER, rows)
    yield Polluted("a row of zero bytes", data.replace(b"100000007", b"\0" * 40 + b"100000007"), HEADER, rows)
    yield Polluted("zero bytes at the end", data + b"\0" * 300, HEADER, rows)
    lines = text_of([HEADER, *rows]).splitlines(keepends=True)
    marked = "".join([*lines[:20], "\ufeff" + lines[20], *lines[21:]])
    yield Polluted("byte order mark inside", marked.encode(), HEADER, rows)
    yield Polluted("two byte order marks", ("\ufeff\ufeff" + "".join(lines)).encode(), HEADER, rows)
    joined = "".join(["\ufeff", *lines[:20], "\ufeff", *lines[:1], *lines[20:]])
    yield Polluted("two files with marks put together", joined.encode(), HEADER, rows)
    spaces = [[*row[:5], f"1 {row[5]}".replace(" ", "\u00a0"), *row[6:]] for row in rows]
    yield whole("no-break spaces in amounts", spaces, Style(), "other")
    wide = [[*row[:4], row[4].translate({48 + n: 0xFF10 + n for n in range(10)}), *row[5:]] for row in rows]
    yield whole("full-width digits", wide, Style(), "other")
    control = changed(rows, 5, 8, "suivi\x0b\x0cfin")
    yield whole("control characters in a cell", control, Style(), "other")


def _sizes(rows: list[Row]) -> Iterator[Polluted]:
    for name, text in {
        "": "x" * 200_000,
        " of words": "mot, " * 40_000,
        " with marks": 'a "b" ' * 33_000,
    }.items():
        yield whole(f"a cell of 200,000 characters{name}", changed(rows, 5, 8, text), Style(), "other")
    header = [f"Colonne {number}" for number in range(150)]
    wide = [[str(number * 7 + column) for column in range(150)] for number in range(30)]
    yield Polluted("a hundred and fifty columns", text_of([header, *wide], Style(",")).encode(), header, wide)
    yield whole("ten thousand rows", base_rows(10_000), Style(), "other")


def _spreadsheets(rows: list[Row]) -> Iterator[Polluted]:
    kept = [["0" + row[0], *row[1:]] for row in rows]
    text = [[f'="{row[0]}"', *row[1:]] for row in kept]
    bare = "".join(f"{row[0]};{Style().line(row[1:])}" for row in text)
    yield Polluted('="0123" cells', (text_of([HEADER]) + bare).encode(), HEADER, kept)
    for delimiter, name in ((";", "semicolon"), (",", "comma")):
        data = text_of([HEADER, *text], Style(delimiter)).encode()
        yield Polluted(f'="0123" cells, quoted, {name}', data, HEADER, kept)
    short = [[row[0], row[1], row[2], *row[3:8], ""] for row in rows]
    serial = [[row[0], str(45_658 + index), *row[2:]] for index, row in enumerate(short)]
    yield whole("dates as serial numbers", serial, Style(), "other")
    science = [["1,56E+10", *row[1:]] for row in rows]
    yield whole("identifiers in scientific notation", science, Style(), "other")
    formulas = changed(rows, 5, 8, '=SUM(A1:A9)&"x"')
    yield whole("a formula", formulas, Style(), "other")
