"""Delimiters, ways to quote and to escape, and line ends of the whole file."""

from collections.abc import Iterator

from tests.support.pollution.table import (
    EXPORT_HEADER,
    HEADER,
    Polluted,
    Style,
    base_rows,
    export_rows,
    text_of,
    whole,
)

NAMES = {
    ";": "semicolon",
    ",": "comma",
    "\t": "tab",
    "|": "bar",
    "^": "caret",
    "~": "tilde",
    "||": "two bars",
    "::": "two colons",
    ":": "colon",
}


def files() -> Iterator[Polluted]:
    """The files."""
    yield from _delimiters()
    yield from _quoting()
    yield from _apostrophes()
    yield from _line_ends()


def _delimiters() -> Iterator[Polluted]:
    rows = base_rows()
    for delimiter, name in NAMES.items():
        kind = name if name in ("semicolon", "tab") else "other"
        yield whole(f"delimiter {name}", rows, Style(delimiter), kind)
        export = [EXPORT_HEADER, *export_rows()]
        data = text_of(export, Style(delimiter)).encode()
        yield Polluted(f"export by {name}", data, EXPORT_HEADER, export[1:], kind)
    yield whole("comma and space", rows, Style(", ", everything=True), "comma and space")
    simple = [[cell.replace('"', "").replace(" ", "_") for cell in row[:7]] for row in rows]
    header = [label.replace(" ", "_") for label in HEADER[:7]]
    yield Polluted("spaces", text_of([header, *simple], Style(" ")).encode(), header, simple, "space")


def _quoting() -> Iterator[Polluted]:
    rows = base_rows()
    for delimiter in ";,\t|":
        name = NAMES[delimiter]
        yield whole(f"everything quoted, {name}", rows, Style(delimiter, everything=True), "other")
        yield whole(f"backslash escapes, {name}", rows, Style(delimiter, escape='\\"'), "other escape")
    style = Style(",", escape='\\"', everything=True)
    yield whole("everything quoted, backslash escapes", rows, style, "other escape")
    yield whole("curly quotes", rows, Style(",", "“", "”", "””", everything=True), "other")
    yield whole("guillemets quote", rows, Style(";", "«", "»", "»»", everything=True), "other")
    bare = [[cell.replace('"', "").replace(";", "/") for cell in row] for row in rows]
    yield whole("nothing quoted", bare, Style(quote="", closing="", escape=""), "semicolon")


def _apostrophes() -> Iterator[Polluted]:
    rows = base_rows()
    plain = [[cell.replace("'", "’") for cell in row] for row in rows]
    for delimiter in ",;\t":
        name = NAMES[delimiter]
        yield whole(f"apostrophes quote, {name}", plain, Style(delimiter, "'", "'", "''"), "apostrophe")
    style = Style(",", "'", "'", "''", everything=True)
    yield whole("apostrophes quote everything", rows, style, "apostrophe")


def _line_ends() -> Iterator[Polluted]:
    rows = base_rows()
    for end, name, kind in (
        ("\n", "LF", "line feed"),
        ("\r\n", "CR LF", "other"),
        ("\r", "CR", "carriage return"),
    ):
        for delimiter in ";,":
            yield whole(f"line end {name}, {NAMES[delimiter]}", rows, Style(delimiter, end=end), kind)
    text = text_of([HEADER, *rows])
    yield Polluted("no last line end", text.removesuffix("\r\n").encode(), HEADER, rows, "no last line end")
    for count in (1, 3):
        yield Polluted(
            f"{count} more line ends at the end",
            (text + "\r\n" * count).encode(),
            HEADER,
            rows,
            "line ends at the end",
        )
    lines = text.splitlines(keepends=True)
    for end in ("\n", "\r"):
        one = [*lines[:20], lines[20].removesuffix("\r\n") + end, *lines[21:]]
        yield Polluted(f"one row ends in {end!r}", "".join(one).encode(), HEADER, rows)
    half = [*lines[:30], *(line.replace("\r\n", "\n") for line in lines[30:])]
    yield Polluted("half of the rows end in LF", "".join(half).encode(), HEADER, rows)
    yield Polluted("CR CR LF", text.replace("\r\n", "\r\r\n").encode(), HEADER, rows)
