"""The tables that are spoilt, the ways to write one down, and what is known of a spoilt file."""

from collections.abc import Callable, Iterable, Sequence
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


EXPORT_HEADER = [
    "#", "Facture", "ID RAMQ", "Date de Service", "Début", "Fin", "Periode", "Lieu de pratique", "Secteur d'activité",
    "Diagnostic", "Code", "Unités", "Rôle", "Élément de contexte", "Montant Preliminaire", "Montant payé",
    "Doctor Info", "Agence", "Patient", "Grand Total",
]  # fmt: skip


def export_rows(count: int = 45) -> list[Row]:
    """The rows of a medical export as Quebec's software writes it: many columns, half of them often empty."""
    return [
        [
            str(number + 1), str(123_456_000 + number // 2), str(12_345_678_000 + number),
            f"2025-{number % 9 + 1:02d}-{number % 27 + 1:02d}", ("", "08:30")[number % 2], ("", "09:10")[number % 2],
            f"2025{number % 52 + 1:02d}", f"5{number:04d}", "", "", ("15804", "8857", "19928")[number % 3],
            "1", "1", ("G160", "G160,AR", "")[number % 3], f"{20 + number},{number * 7 % 100:02d}", "",
            f"16{number:05d}-12345, Gagné Hélène, Pédiatrie", "",
            f"TREM8501{number % 28 + 1:02d}{number:02d} Tremblay, Zoé", "",
        ]
        for number in range(count)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Polluted:
    """A spoilt file and the table that a good reader gets from it; `header` None where it has none.

    `kind` is the pollution as surveys of real files count it (`weights.WEIGHTS`), or one that they do not count.
    """

    name: str
    data: bytes
    header: Row | None
    rows: list[Row]
    kind: str = "other"


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


def whole(name: str, rows: list[Row], style: Style, kind: str, encoding: str = "utf-8") -> Polluted:
    """The medical table written in one style and encoding."""
    return Polluted(name, text_of([HEADER, *rows], style).encode(encoding), HEADER, rows, kind)


def spoil(rows: list[Row], number: int, change: Callable[[str], str], style: Style = Style()) -> bytes:
    """The medical table with one of its lines changed; the header is line 0."""
    lines = [style.line(row) for row in [HEADER, *rows]]
    lines[number] = change(lines[number])
    return "".join(lines).encode()


def changed(rows: list[Row], number: int, column: int, *cells: str) -> list[Row]:
    """The rows with some cells of one row, from a column on, replaced."""
    copy = [list(row) for row in rows]
    copy[number][column : column + len(cells)] = cells
    return copy
