"""Rows with too few and too many cells, and rows by another delimiter than the file's."""

from collections.abc import Iterator

from tests.support.pollution.table import (
    EXPORT_HEADER,
    HEADER,
    Polluted,
    Row,
    Style,
    base_rows,
    changed,
    export_rows,
    spoil,
    text_of,
)


def files() -> Iterator[Polluted]:
    """The files."""
    rows = base_rows()
    yield from _long(rows)
    yield from _short(rows)
    yield from _many(rows)
    yield from _other_delimiters(rows)


def _long(rows: list[Row]) -> Iterator[Polluted]:
    for delimiter in (";", "\t"):
        style = Style(delimiter)
        called = "tab" if delimiter == "\t" else "semicolon"
        for column in range(9):

            def add(line: str, column: int = column, mark: str = delimiter) -> str:
                parts = line.split(mark)
                return mark.join([*parts[:column], "", *parts[column:]])

            data = spoil(rows, 10, add, style)
            yield Polluted(f"extra {called} before column {column}", data, HEADER, rows, "row width")
    loose = spoil(rows, 10, lambda line: line.replace(f'"{rows[9][5]}"', rows[9][5]), Style(","))
    yield Polluted("decimal comma without quotes", loose, HEADER, rows, "row width")
    name = spoil(rows, 10, lambda line: line.replace(f'"{rows[9][7]}"', rows[9][7]), Style(","))
    yield Polluted("name and comma without quotes", name, HEADER, rows, "row width")
    trailing = spoil(rows, 10, lambda line: line.removesuffix("\r\n") + ";;\r\n")
    yield Polluted("two delimiters at the end of a row", trailing, HEADER, rows, "row width")


def _short(rows: list[Row]) -> Iterator[Polluted]:
    for column in (1, 2, 4, 6):

        def cut(line: str, column: int = column) -> str:
            parts = line.split(";")
            return ";".join([*parts[:column], *parts[column + 1 :]])

        yield Polluted(
            f"cell {column} lost", spoil(rows, 10, cut), HEADER, changed(rows, 9, column, ""), "row width"
        )
    for kept in (2, 4, 7):

        def end(line: str, kept: int = kept) -> str:
            return ";".join(line.split(";")[:kept]) + "\r\n"

        short = changed(rows, 9, kept, *[""] * (9 - kept))
        yield Polluted(f"row cut behind {kept} cells", spoil(rows, 10, end), HEADER, short, "row width")


def _many(rows: list[Row]) -> Iterator[Polluted]:
    export = export_rows()
    trimmed = "".join(line.rstrip(";\r\n") + "\r\n" for line in text_of(export).splitlines(keepends=True))
    data = (text_of([EXPORT_HEADER]) + trimmed).encode()
    yield Polluted("empty cells at the end of rows left out", data, EXPORT_HEADER, export, "row width")
    each = "".join(
        line.removesuffix("\r\n") + ";\r\n" for line in text_of([HEADER, *rows]).splitlines(keepends=True)
    )
    yield Polluted("each row ends in a delimiter", each.encode(), [*HEADER, ""], [[*row, ""] for row in rows])
    below = text_of([HEADER]) + "".join(
        line.removesuffix("\r\n") + ";\r\n" for line in text_of(rows).splitlines(keepends=True)
    )
    yield Polluted(
        "each row but the header ends in a delimiter",
        below.encode(),
        [*HEADER, ""],
        [[*row, ""] for row in rows],
    )


def _other_delimiters(rows: list[Row]) -> Iterator[Polluted]:
    for mark in ",\t|":
        swapped = spoil(rows, 12, lambda line, mark=mark: Style(mark).line(rows[11]))  # type: ignore[misc]
        yield Polluted(f"one row by {mark!r}", swapped, HEADER, rows)
    half = text_of([HEADER, *rows[:40]]) + text_of(rows[40:], Style("\t"))
    yield Polluted("a third of the rows by tabs", half.encode(), HEADER, rows)
