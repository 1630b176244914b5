"""Headers that are missing, repeated, on several rows or written in another way; and tables of few rows or columns."""

from collections.abc import Iterator

from tests.support.pollution.table import (
    EXPORT_HEADER,
    HEADER,
    Polluted,
    Style,
    base_rows,
    export_rows,
    text_of,
)


def files() -> Iterator[Polluted]:
    """The files."""
    yield from _none_or_few()
    yield from _several()
    yield from _repeated()
    yield from _odd_names()


def _none_or_few() -> Iterator[Polluted]:
    rows = base_rows()
    for delimiter, name in ((";", "semicolon"), (",", "comma"), ("\t", "tab")):
        style = Style(delimiter)
        yield Polluted(f"no header, {name}", text_of(rows, style).encode(), None, rows, "no header")
        yield Polluted(f"header only, {name}", text_of([HEADER], style).encode(), HEADER, [], "no rows")
        yield Polluted(
            f"one row, {name}", text_of([HEADER, rows[0]], style).encode(), HEADER, rows[:1], "one row"
        )
        for count in (2, 3):
            few = rows[:count]
            yield Polluted(f"{count} rows, {name}", text_of([HEADER, *few], style).encode(), HEADER, few)
    export = export_rows()
    yield Polluted("export without header", text_of(export).encode(), None, export, "no header")
    yield Polluted("export of no rows", text_of([EXPORT_HEADER]).encode(), EXPORT_HEADER, [], "no rows")
    names = [[name] for name in ("Roy", "Gagné", "Côté", "Bélanger", "Lévesque", "D'Amours", "O'Neil")]
    yield Polluted("one column", text_of([["nom"], *names]).encode(), ["nom"], names)
    codes = [[row[0]] for row in rows]
    yield Polluted("one column of numbers", text_of([["Facture"], *codes]).encode(), ["Facture"], codes)
    amounts = [[row[5]] for row in rows]
    yield Polluted("one column of amounts", text_of([["Montant"], *amounts]).encode(), ["Montant"], amounts)
    pairs = [[row[3], row[5]] for row in rows]
    yield Polluted("two columns", text_of([["Code", "Montant"], *pairs]).encode(), ["Code", "Montant"], pairs)


def _several() -> Iterator[Polluted]:
    rows = base_rows()
    twice = [f"{label} {label}" for label in HEADER]
    yield Polluted("two header rows", text_of([HEADER, HEADER, *rows]).encode(), twice, rows, "header rows")
    groups = ["Acte", "", "", "", "", "", "Personnes", "", ""]
    joined = [f"{'Acte' if index < 6 else 'Personnes'} {label}" for index, label in enumerate(HEADER)]
    for delimiter, name in ((";", "semicolon"), (",", "comma")):
        data = text_of([groups, HEADER, *rows], Style(delimiter)).encode()
        yield Polluted(f"group names, {name}", data, joined, rows, "header rows")
    units = ["", "(AAAA-MM-JJ)", "(HH:MM)", "", "", "($)", "(no)", "(nom)", ""]
    below = [f"{label} {unit}".strip() for label, unit in zip(HEADER, units, strict=True)]
    yield Polluted(
        "units below the names", text_of([HEADER, units, *rows]).encode(), below, rows, "header rows"
    )
    title = text_of([["Rapport", *[""] * 8]]) + "\r\n"
    yield Polluted(
        "title above group names",
        (title + text_of([groups, HEADER, *rows])).encode(),
        joined,
        rows,
        "header rows",
    )


def _repeated() -> Iterator[Polluted]:
    rows = base_rows()
    pages = [HEADER, *rows[:20], HEADER, *rows[20:40], HEADER, *rows[40:]]
    yield Polluted("header again", text_of([HEADER, *rows[:30], HEADER, *rows[30:]]).encode(), HEADER, rows)
    yield Polluted("header on each page", text_of(pages).encode(), HEADER, rows)
    spaced = text_of(pages[:21]) + "\r\n" + text_of(pages[21:42]) + "\r\n" + text_of(pages[42:])
    yield Polluted("header on each page behind a blank line", spaced.encode(), HEADER, rows)
    quoted = text_of([HEADER, *rows[:30]]) + text_of([HEADER], Style(everything=True)) + text_of(rows[30:])
    yield Polluted("header again in quotes", quoted.encode(), HEADER, rows)


def _odd_names() -> Iterator[Polluted]:
    rows = base_rows()
    spaced = text_of([HEADER]).replace(";", "\t") + text_of(rows)
    yield Polluted("header with another delimiter", spaced.encode(), HEADER, rows)
    numbered = [[str(number), *row] for number, row in enumerate(rows, start=1)]
    for delimiter, name in ((";", "semicolon"), (",", "comma")):
        data = (text_of([HEADER], Style(delimiter)) + text_of(numbered, Style(delimiter))).encode()
        yield Polluted(f"row numbers under no name, {name}", data, ["", *HEADER], numbered)
    named = text_of([["", *HEADER], *numbered]).encode()
    yield Polluted("row numbers under an empty name", named, ["", *HEADER], numbered)
    trailing = ";".join([*HEADER, ""]) + "\r\n" + text_of(rows)
    yield Polluted("header ends in a delimiter", trailing.encode(), HEADER, rows)
    for name, header in {
        "a column without name": [*HEADER[:3], "", *HEADER[4:]],
        "a name twice": [*HEADER[:3], "Facture", *HEADER[4:]],
        "names in capitals": [label.upper() for label in HEADER],
        "names with line ends": [*HEADER[:5], "Montant\r\npréliminaire", *HEADER[6:]],
        "names with LF": [*HEADER[:5], "Montant\npréliminaire", *HEADER[6:]],
        "numbers as names": [*HEADER[:5], "2025", *HEADER[6:]],
        "long names": [f"{label} (voir la note de la page couverture)" for label in HEADER],
    }.items():
        yield Polluted(name, text_of([header, *rows]).encode(), header, rows)
