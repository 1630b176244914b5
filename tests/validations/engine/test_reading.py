"""Detection and pass together: what a caller learns of a file, and how it is told to wait or to stop."""

import random
from pathlib import Path

import pytest

from tests.support.mutations import mutated
from tests.support.reading import cells, cleaned, labels, parse
from validations.engine.cells import letter
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Options
from validations.engine.reading import Parsed, read

GOOD = "no;médecin;montant\r\n" + "".join(f"{n};Côté {n};{n},50\r\n" for n in range(1, 501))


def test_a_clean_file_is_described_and_has_no_finding(tmp_path: Path) -> None:
    reading = (parsed := parse(tmp_path, GOOD.encode("cp1252"))).reading

    assert (reading.encoding, reading.delimiter, reading.line_ends, reading.rows) == (
        "cp1252",
        ";",
        "crlf",
        500,
    )
    assert (reading.header_line, reading.size_bytes) == (1, len(GOOD))
    assert 0.5 < reading.confidence <= 1
    assert not parsed.counts


def test_the_cleaned_file_is_utf8_with_commas(tmp_path: Path) -> None:
    parsed = parse(tmp_path, GOOD.encode("cp1252"))

    assert cleaned(parsed, tmp_path)[:2] == [["no", "médecin", "montant"], ["1", "Côté 1", "1,50"]]
    assert (
        (tmp_path / "cleaned.csv").read_bytes().startswith('no,médecin,montant\n1,Côté 1,"1,50"\n'.encode())
    )


def test_b01_utf16_is_read_across_blocks(tmp_path: Path) -> None:
    text = "no;médecin\n" + "".join(f"{n};Hélène {n}\n" for n in range(60_000))
    parsed = parse(tmp_path, text.encode("utf-16"))

    assert parsed.reading.rows == 60_000
    assert cells(parsed)[-1] == ["59999", "Hélène 59999"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_rows_are_right_wherever_a_block_ends(tmp_path: Path, end: str, encoding: str) -> None:
    rows = [["no", "nom", "note"]] + [[str(n), f"Zoé «{n % 7 * 'x'}»", f'a;"{n}"'] for n in range(70_000)]
    text = end.join(";".join([no, nom, '"' + note.replace('"', '""') + '"']) for no, nom, note in rows)
    parsed = parse(tmp_path, text.encode(encoding))

    assert [labels(parsed), *cells(parsed)] == rows
    assert not parsed.counts


def test_quoted_line_ends_are_right_wherever_a_block_ends(tmp_path: Path) -> None:
    rows = [[str(n), f"ligne 1\nligne {n}" if n % 3 == 0 else "court", "x" * (n % 90)] for n in range(40_000)]
    text = "no;note;suite\n" + "".join(f'{no};"{note}";{rest}\n' for no, note, rest in rows)
    parsed = parse(tmp_path, text.encode())

    assert cells(parsed) == rows
    assert not parsed.counts


def test_progress_is_told_and_may_stop_the_reading(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(GOOD.encode())
    told: list[tuple[int, int | None]] = []
    read(tmp_path / "in.csv", Options(), tmp_path, lambda done, total: told.append((done, total)))

    assert told[-1] == (500, 500)

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(tmp_path / "in.csv", Options(), tmp_path, stop)


def test_columns_have_the_letters_of_a_spreadsheet() -> None:
    assert [letter(index) for index in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse(tmp_path, GOOD.encode(), encoding="klingon")

    assert caught.value.code == "unknown-encoding"


MUTATIONS = 200


@pytest.mark.parametrize("seed", range(0, MUTATIONS, 20))
def test_b02_whatever_is_done_to_a_file_it_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    for number in range(seed, seed + 20):
        data = mutated(GOOD.encode("cp1252")[:4_000], random.Random(number))  # noqa: S311 (a seed, so that a failure can be repeated)
        parsed = parsed_or_refused(tmp_path, data)
        if parsed is None:
            continue
        widths = {len(row) for row in parsed.rows()}
        assert widths <= {parsed.width}
        assert sum(1 for _ in parsed.findings()) == sum(parsed.counts.values())
        (tmp_path / "work" / "reading-findings.csv").unlink(missing_ok=True)


def parsed_or_refused(folder: Path, data: bytes) -> Parsed | None:
    """The file read; None when it was refused, with a sentence that says why."""
    try:
        return parse(folder, data)
    except UnreadableFileError as error:
        return None if error.sentence("fr") else parse(folder, b"")
