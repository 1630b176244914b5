"""Quotation marks that are lost, misplaced or not escaped, and what stands between them."""

from collections.abc import Iterator

from tests.support.pollution.table import (
    HEADER,
    Polluted,
    Row,
    Style,
    base_rows,
    changed,
    spoil,
    text_of,
    whole,
)


def files() -> Iterator[Polluted]:
    """The files."""
    rows = base_rows()
    yield from _stray(rows)
    yield from _unescaped(rows)
    yield from _lines(rows)


def _stray(rows: list[Row]) -> Iterator[Polluted]:
    for column in range(7):

        def mark(line: str, column: int = column) -> str:
            parts = line.split(";")
            parts[column] = '"' + parts[column]
            return ";".join(parts)

        expected = changed(rows, 9, column, '"' + rows[9][column])
        yield Polluted(
            f"stray quote before column {column}", spoil(rows, 10, mark), HEADER, expected, "stray quote"
        )
    for place, name in ((1, "first"), (60, "last")):
        row = place - 1
        late = changed(rows, row, 3, '"' + rows[row][3])

        def add(line: str, cell: str = rows[row][3]) -> str:
            return line.replace(f";{cell};", f';"{cell};', 1)

        yield Polluted(
            f"unclosed quote in the {name} row", spoil(rows, place, add), HEADER, late, "stray quote"
        )
    inch = changed(rows, 9, 8, 'plaie de 5" au bras')
    data = spoil(rows, 10, lambda line: ";".join([*line.split(";")[:8], 'plaie de 5" au bras\r\n']))
    yield Polluted("a mark for inches", data, HEADER, inch, "stray quote")
    ends = changed(rows, 9, 8, 'sonde 5"')
    data = spoil(rows, 10, lambda line: ";".join([*line.split(";")[:8], 'sonde 5"\r\n']))
    yield Polluted("a mark for inches at the end", data, HEADER, ends, "stray quote")


def _unescaped(rows: list[Row]) -> Iterator[Polluted]:
    for delimiter, name in ((",", "comma"), (";", "semicolon")):
        yield whole(f"quotes never escaped, {name}", rows, Style(delimiter, escape='"'), "stray quote")
    cells = Style(everything=True).cell
    spaced = "".join(" ;".join(map(cells, row)) + "\r\n" for row in [HEADER, *rows])
    yield Polluted("spaces behind closing marks", spaced.encode(), HEADER, rows)
    wrapped = "".join('"' + line.replace('"', '""').removesuffix("\r\n") + '"\r\n'
                      for line in text_of([HEADER, *rows], Style(",")).splitlines(keepends=True))  # fmt: skip
    yield Polluted("each line quoted as a whole", wrapped.encode(), HEADER, rows)


def _lines(rows: list[Row]) -> Iterator[Polluted]:
    texts = {
        "line ends in a cell": "première ligne\r\ndeuxième; ligne\r\n\r\nfin",
        "one LF in a cell": "première ligne\ndeuxième",
        "a whole row in a cell": "voir\r\n1;2025-01-01;08:00;8857;1;1,00;x;y;z\r\nfin",
        "quotes and line ends in a cell": 'il dit "non"\r\npuis "oui"',
        "a line end at the end of a cell": "suivi\r\n",
    }
    for name, text in texts.items():
        yield whole(name, changed(rows, 5, 8, text), Style(), "other")
    many = [[*row[:8], f"ligne 1\nligne {index}"] for index, row in enumerate(rows)]
    yield whole("a line end in each row", many, Style(end="\n"), "other")
