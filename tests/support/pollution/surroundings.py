"""What stands above, below and between the rows of a table."""

from collections.abc import Iterator

from tests.support.pollution.table import HEADER, Polluted, Row, Style, base_rows, text_of

EMPTY = ";" * 8 + "\r\n"


def files() -> Iterator[Polluted]:
    """The files."""
    rows = base_rows()
    yield from _above(rows)
    yield from _sep_lines(rows)
    yield from _below(rows)
    yield from _second_tables(rows)


def _above(rows: list[Row]) -> Iterator[Polluted]:
    table = text_of([HEADER, *rows])
    junk = (
        "Clinique du Parc;;;;;;;;\r\n;;;;;;;;\r\nCritère;Valeur;;;;;;;\r\nDu;2025-01-01;;;;;;;\r\n"
        "Au;2025-12-31;;;;;;;\r\nÉtat;Tous;;;;;;;\r\n;;;;;;;;\r\n"
    )
    above = {
        "title": "Rapport de facturation" + ";" * 8 + "\r\n" + EMPTY,
        "title alone": "Rapport de facturation\r\n",
        "notes above": "Clinique du Parc\r\nMars 2025\r\n\r\n",
        "pairs above": "Clinique;du Parc\r\nPériode;mars 2025\r\n",
        "a table of criteria above": junk,
        "criteria above and a blank line": "Critère;Valeur\r\nDu;2025-01-01\r\nAu;2025-12-31\r\nÉtat;Tous\r\n\r\n",
        "fifteen lines above": "".join(
            f"Remarque {number} : voir le guide, page {number}.\r\n" for number in range(15)
        ),
        "blank lines above": "\r\n\r\n\r\n",
        "comments above": "# exporté le 2025-03-01\r\n# par la clinique\r\n",
        "a note with the delimiter above": "Rapport; produit le 1 mars 2025\r\n",
    }
    for name, text in above.items():
        yield Polluted(name, (text + table).encode(), HEADER, rows, "preamble")
    comma = "Rapport de facturation, mars 2025\r\n\r\n" + text_of([HEADER, *rows], Style(","))
    yield Polluted("title above commas", comma.encode(), HEADER, rows, "preamble")


def _sep_lines(rows: list[Row]) -> Iterator[Polluted]:
    for delimiter, line in (
        (";", "sep=;"),
        (",", "sep=,"),
        ("\t", "sep=\t"),
        (";", '"sep=;"'),
        ("|", "SEP=|"),
    ):
        data = (line + "\r\n" + text_of([HEADER, *rows], Style(delimiter))).encode()
        yield Polluted(f"{line!r} line", data, HEADER, rows)
    marked = ("\ufeffsep=;\r\n" + text_of([HEADER, *rows])).encode()
    yield Polluted("sep line behind a byte order mark", marked, HEADER, rows)


def _below(rows: list[Row]) -> Iterator[Polluted]:
    table = text_of([HEADER, *rows])
    below = {
        "note below": "\r\nFin du rapport\r\n",
        "note below with delimiters": EMPTY + "Fin du rapport" + ";" * 8 + "\r\n",
        "two notes below": "\r\nImprimé le 1 mars 2025\r\nPage 1 de 1\r\n",
        "blank rows below": EMPTY * 4,
        "DOS end of file": "\x1a",
    }
    for name, text in below.items():
        yield Polluted(name, (table + text).encode(), HEADER, rows)
    total = ["Total", "", "", "", "", "8 512,40", "", "", ""]
    yield Polluted("total below", (table + text_of([total])).encode(), HEADER, [*rows, total])
    yield Polluted(
        "total behind a blank row", (table + EMPTY + text_of([total])).encode(), HEADER, [*rows, total]
    )


def _second_tables(rows: list[Row]) -> Iterator[Polluted]:
    table = text_of([HEADER, *rows])
    fewer = text_of([["Facture", "Date de service", "Total"], *[["1", "2025-01-01", "5,00"]] * 6])
    more = text_of([[*HEADER, "Agence"], *([*row, "A12"] for row in rows[:8])])
    for name, gap in (("", ""), (" behind a blank line", "\r\n"), (" behind a blank row", EMPTY)):
        yield Polluted(
            f"second table of fewer columns{name}",
            (table + gap + fewer).encode(),
            HEADER,
            rows,
            "second table",
        )
        yield Polluted(
            f"second table of more columns{name}", (table + gap + more).encode(), HEADER, rows, "second table"
        )
    again = text_of([HEADER, *rows[:10]])
    yield Polluted(
        "second table of the same columns",
        (table + "\r\n" + again).encode(),
        HEADER,
        [*rows, *rows[:10]],
        "second table",
    )
