"""Encodings, each with three delimiters, and letters that were encoded wrongly."""

from collections.abc import Iterator

from tests.support.pollution.table import HEADER, Polluted, Style, base_rows, text_of, whole

ENCODINGS = (
    "utf-8", "utf-8-sig", "cp1252", "latin-1", "iso8859-15", "mac-roman", "cp850", "cp437", "utf-16", "utf-16-le",
    "utf-16-be",
)  # fmt: skip


def files() -> Iterator[Polluted]:
    """The files."""
    rows = base_rows()
    folded = [[cell.replace("À", "A") for cell in row] for row in rows]
    for delimiter, name in ((";", "semicolon"), (",", "comma"), ("\t", "tab")):
        for encoding in ENCODINGS:
            yield whole(f"encoding {encoding}, {name}", folded, Style(delimiter), "other", encoding)
        big = b"\xfe\xff" + text_of([HEADER, *rows], Style(delimiter)).encode("utf-16-be")
        yield Polluted(f"encoding utf-16-be with mark, {name}", big, HEADER, rows)
    yield from _signs()
    yield from _wrongly_encoded()


def _signs() -> Iterator[Polluted]:
    """Signs that tell Windows-1252, ISO-8859-15 and Mac Roman apart: the euro, œ, curly apostrophes."""
    told = ["sœur’s dossier", "cœur à revoir", "l’hôpital", "payé 5 €", "œdème", "–"]
    rows = [[*row[:8], told[index % 6]] for index, row in enumerate(base_rows())]
    yield whole("signs in cp1252", rows, Style(), "other", "cp1252")
    yield whole("signs in mac-roman", rows, Style(), "other", "mac-roman")
    fewer = [[*row[:8], row[8].replace("’", "'").replace("–", "-")] for row in rows]
    yield whole("signs in iso8859-15", fewer, Style(), "other", "iso8859-15")
    late = [[cell.encode("ascii", "ignore").decode() for cell in row] for row in base_rows(30_000)]
    late[-5][7] = "Bélanger, Zoé"
    header = [label.encode("ascii", "ignore").decode() for label in HEADER]
    data = text_of([header, *late]).encode("cp1252")
    yield Polluted("first accent behind the first megabyte", data, header, late)


def _wrongly_encoded() -> Iterator[Polluted]:
    rows = base_rows()
    text = text_of([HEADER, *rows])
    doubled = text.encode().decode("cp1252").encode()
    yield Polluted("encoded twice", doubled, HEADER, rows)
    yield Polluted("encoded twice, with a mark", b"\xef\xbb\xbf" + doubled, HEADER, rows)
    stray = text.encode().replace("Zoé".encode(), b"Zo\xe9", 1)
    yield Polluted("one Windows byte in UTF-8", stray, HEADER, rows)
    lines = text.splitlines(keepends=True)
    mixed = "".join(lines[:40]).encode() + "".join(lines[40:]).encode("cp1252")
    yield Polluted("two files in two encodings put together", mixed, HEADER, rows)
