"""A corpus of polluted files with known truth: one table, spoilt in one way at a time, and what a reader should get.

The kinds of pollution follow what surveys of real CSV files count: dialect changes of the whole file or of one row,
missing and surplus delimiters, misplaced quotation marks, encodings, and rows that are no rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

Row = list[str]

HEADER = ["Facture", "Date de service", "Début", "Code", "Unités", "Montant", "Médecin", "Patient", "Note"]
NAMES = [
    "Gagné, Hélène",
    "Côté, François",
    "Bélanger, Zoé",
    "O'Neil, Marc",
    "Lévesque, Anne",
    "D'Amours, Noël",
]
NOTES = ["vu à l'urgence", 'dit "oui"; revu', "", "suivi, contrôle", "R/V annulé", "hôpital ; étage 3"]


def base_rows(count: int = 60) -> list[Row]:
    """The rows of the table, unspoilt."""
    return [
        [
            str(100_000_000 + number),
            f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            f"{8 + number % 9:02d}:{number * 7 % 60:02d}",
            str(8857 + number % 40),
            str(number % 4 + 1),
            f"{number * 13 % 300},{number * 37 % 100:02d}",
            f"1{number:06d}-{10_000 + number}",
            f"{NAMES[number % 6]}",
            NOTES[number % 6],
        ]
        for number in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Polluted:
    """A spoilt file and the table that a good reader gets from it; `header` None where it has none."""

    name: str
    data: bytes
    header: Row | None
    rows: list[Row]
    options: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How a table is written."""

    delimiter: str = ";"
    quote: str = '"'
    closing: str = '"'
    escape: str = '""'
    end: str = "\r\n"
    everything: bool = False  # each cell is quoted, needed or not

    def line(self, row: Sequence[str]) -> str:
        """One row as text, its line end included."""
        return self.delimiter.join(map(self.cell, row)) + self.end

    def cell(self, text: str) -> str:
        """One cell, quoted where it must be."""
        marks = (self.delimiter, self.quote, self.closing, "\n", "\r")
        if not self.everything and not any(mark in text for mark in marks if mark):
            return text
        inner = text.replace(self.closing, self.escape) if self.escape else text
        return f"{self.quote}{inner}{self.closing}"


def text_of(rows: Iterable[Sequence[str]], style: Style = Style()) -> str:
    """The rows as the text of a file."""
    return "".join(map(style.line, rows))


def corpus() -> Iterator[Polluted]:
    """Every polluted file."""
    for family in (
        _dialects,
        _encodings,
        _line_ends,
        _headers,
        _surroundings,
        _rows_of_wrong_width,
        _quotes,
        _odd_rows,
    ):
        yield from family(base_rows())


def _whole(name: str, rows: list[Row], style: Style, encoding: str = "utf-8") -> Polluted:
    return Polluted(name, text_of([HEADER, *rows], style).encode(encoding), HEADER, rows)


def _dialects(rows: list[Row]) -> Iterator[Polluted]:
    names = {
        ";": "semicolon",
        ",": "comma",
        "\t": "tab",
        "|": "bar",
        "^": "caret",
        "~": "tilde",
        "||": "two bars",
    }
    for delimiter, name in names.items():
        yield _whole(f"delimiter {name}", rows, Style(delimiter))
    yield _whole("comma and space", rows, Style(", ", everything=True))
    for delimiter in ";,\t":
        yield _whole(f"everything quoted, {names[delimiter]}", rows, Style(delimiter, everything=True))
        yield _whole(f"backslash escapes, {names[delimiter]}", rows, Style(delimiter, escape='\\"'))
    plain = [[cell.replace("'", "’") for cell in row] for row in rows]
    yield _whole("apostrophes quote", plain, Style(",", "'", "'", "''"))
    yield _whole("curly quotes", rows, Style(",", "“", "”", "””", everything=True))
    simple = [[cell.replace('"', "").replace(" ", "_") for cell in row[:7]] for row in rows]
    header = [label.replace(" ", "_") for label in HEADER[:7]]
    yield Polluted("spaces", text_of([header, *simple], Style(" ")).encode(), header, simple)


def _encodings(rows: list[Row]) -> Iterator[Polluted]:
    for encoding in ("utf-8-sig", "cp1252", "latin-1", "iso8859-15", "mac-roman", "cp850", "cp437", "utf-16",
                     "utf-16-le", "utf-16-be"):  # fmt: skip
        folded = [[cell.replace("À", "A") for cell in row] for row in rows]
        yield _whole(f"encoding {encoding}", folded, Style(), encoding)
    doubled = text_of([HEADER, *rows]).encode().decode("cp1252").encode()
    yield Polluted("encoded twice", doubled, HEADER, rows)


def _line_ends(rows: list[Row]) -> Iterator[Polluted]:
    for end, name in (("\n", "LF"), ("\r\n", "CR LF"), ("\r", "CR")):
        yield _whole(f"line end {name}", rows, Style(end=end))
    text = text_of([HEADER, *rows])
    yield Polluted("no last line end", text.removesuffix("\r\n").encode(), HEADER, rows)
    yield Polluted("line ends at the end", (text + "\r\n\r\n").encode(), HEADER, rows)
    for end in ("\n", "\r"):
        lines = text.splitlines(keepends=True)
        lines[20] = lines[20].removesuffix("\r\n") + end
        yield Polluted(f"one row ends in {end!r}", "".join(lines).encode(), HEADER, rows)


def _headers(rows: list[Row]) -> Iterator[Polluted]:
    yield Polluted("no header", text_of(rows).encode(), None, rows)
    yield Polluted("header only", text_of([HEADER]).encode(), HEADER, [])
    yield Polluted("one row", text_of([HEADER, rows[0]]).encode(), HEADER, rows[:1])
    twice = [f"{label} {label}" for label in HEADER]
    yield Polluted("two header rows", text_of([HEADER, HEADER, *rows]).encode(), twice, rows)
    groups = ["Acte", "", "", "", "", "", "Personnes", "", ""]
    joined = [f"{'Acte' if index < 6 else 'Personnes'} {label}" for index, label in enumerate(HEADER)]
    yield Polluted("group names", text_of([groups, HEADER, *rows]).encode(), joined, rows)
    lines = text_of([HEADER, *rows[:30], HEADER, *rows[30:]])
    yield Polluted("header again", lines.encode(), HEADER, rows)
    spaced = text_of([HEADER]).replace(";", "\t") + text_of(rows)
    yield Polluted("header with another delimiter", spaced.encode(), HEADER, rows)
    yield Polluted(
        "header ends in a delimiter",
        (";".join([*HEADER, ""]) + "\r\n" + text_of(rows)).encode(),
        HEADER,
        rows,
    )


def _surroundings(rows: list[Row]) -> Iterator[Polluted]:
    table = text_of([HEADER, *rows])
    empty = ";" * 8 + "\r\n"
    yield Polluted(
        "title", ("Rapport de facturation" + ";" * 8 + "\r\n" + empty + table).encode(), HEADER, rows
    )
    yield Polluted("notes above", ("Clinique du Parc\r\nMars 2025\r\n\r\n" + table).encode(), HEADER, rows)
    yield Polluted(
        "pairs above", ("Clinique;du Parc\r\nPériode;mars 2025\r\n" + table).encode(), HEADER, rows
    )
    yield Polluted("sep line", ("sep=;\r\n" + table).encode(), HEADER, rows)
    yield Polluted("note below", (table + "\r\nFin du rapport\r\n").encode(), HEADER, rows)
    yield Polluted("DOS end of file", (table + "\x1a").encode(), HEADER, rows)
    other = text_of([["Facture", "Date de service", "Total"], *[["1", "2025-01-01", "5,00"]] * 6])
    yield Polluted("second table", (table + other).encode(), HEADER, rows)


def _spoil(rows: list[Row], number: int, change: Callable[[str], str], style: Style = Style()) -> bytes:
    lines = [style.line(row) for row in [HEADER, *rows]]
    lines[number] = change(lines[number])
    return "".join(lines).encode()


def _rows_of_wrong_width(rows: list[Row]) -> Iterator[Polluted]:
    for column in range(9):

        def add(line: str, column: int = column) -> str:
            parts = line.split(";")
            return ";".join([*parts[:column], "", *parts[column:]])

        yield Polluted(f"extra delimiter before column {column}", _spoil(rows, 10, add), HEADER, rows)
    for column in (1, 2, 4, 6):
        changed = [list(row) for row in rows]
        changed[9][column] = ""

        def cut(line: str, column: int = column) -> str:
            parts = line.split(";")
            return ";".join([*parts[:column], *parts[column + 1 :]])

        yield Polluted(f"cell {column} lost", _spoil(rows, 10, cut), HEADER, changed)
    short = [list(row) for row in rows]
    short[9][7:] = ["", ""]
    yield Polluted(
        "row cut short", _spoil(rows, 10, lambda line: ";".join(line.split(";")[:7]) + "\r\n"), HEADER, short
    )
    comma = Style(",")
    loose = _spoil(rows, 10, lambda line: line.replace(f'"{rows[9][5]}"', rows[9][5]), comma)
    yield Polluted("decimal comma without quotes", loose, HEADER, rows)
    for mark in ",\t|":
        swapped = _spoil(rows, 12, lambda line, mark=mark: Style(mark).line(rows[11]))  # type: ignore[misc]
        yield Polluted(f"one row by {mark!r}", swapped, HEADER, rows)


def _quotes(rows: list[Row]) -> Iterator[Polluted]:
    for column in range(7):

        def mark(line: str, column: int = column) -> str:
            parts = line.split(";")
            parts[column] = '"' + parts[column]
            return ";".join(parts)

        expected = [list(row) for row in rows]
        expected[9][column] = '"' + expected[9][column]
        yield Polluted(f"stray quote before column {column}", _spoil(rows, 10, mark), HEADER, expected)
    quoted = Style(",", escape='"')
    yield _whole("quotes never escaped", rows, quoted)
    late = [list(row) for row in rows]
    late[-1][3] = '"' + late[-1][3]
    data = _spoil(rows, 60, lambda line: line.replace(rows[-1][3], '"' + rows[-1][3], 1))
    yield Polluted("unclosed quote in the last row", data, HEADER, late)
    long = [list(row) for row in rows]
    long[5][8] = "première ligne\r\ndeuxième; ligne\r\n\r\nfin"
    yield _whole("line ends in a cell", long, Style())


def _odd_rows(rows: list[Row]) -> Iterator[Polluted]:
    lines = [Style().line(row) for row in [HEADER, *rows]]
    blank = [*lines[:20], "\r\n", ";" * 8 + "\r\n", *lines[20:]]
    yield Polluted("blank rows", "".join(blank).encode(), HEADER, rows)
    data = "".join(lines).encode()
    yield Polluted("zero bytes", data.replace(b"100000007", b"1000\x0000007"), HEADER, rows)
    marked = "".join([*lines[:20], "\ufeff" + lines[20], *lines[21:]])
    yield Polluted("byte order mark inside", marked.encode(), HEADER, rows)
    stray = data.replace("Zoé".encode(), b"Zo\xe9", 1)
    yield Polluted("one Windows byte in UTF-8", stray, HEADER, rows)
    huge = [list(row) for row in rows]
    huge[5][8] = "x" * 200_000
    yield _whole("a cell of 200,000 characters", huge, Style())


def f1(expected: Iterable[str], got: Iterable[str]) -> float:
    """Precision and recall of one bag of texts against another, as their harmonic mean."""
    wanted, given = Counter(expected), Counter(got)
    if not wanted:
        return 1.0
    common = sum((wanted & given).values())
    return 2 * common / (sum(wanted.values()) + sum(given.values())) if common else 0.0


def scores(truth: Polluted, got: list[Row]) -> tuple[float, float, float]:
    """F1 of the header's cells, of the records and of all cells of a cleaned file."""
    header = got[0] if truth.header is not None and got else []
    rows = got[1:] if truth.header is not None else got
    expected = [truth.header or [], *truth.rows]
    return (
        f1(truth.header or [], header),
        f1(("\x1f".join(row) for row in truth.rows), ("\x1f".join(row) for row in rows)),
        f1((cell for row in expected for cell in row), (cell for row in got for cell in row)),
    )
