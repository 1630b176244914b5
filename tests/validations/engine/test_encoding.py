"""Which letters the bytes of a file stand for."""

from pathlib import Path

import pytest

from tests.support.reading import cells, found, labels, params, parse, places

FRENCH = (
    "Facture;Médecin;Élément de contexte;Montant payé\n"
    "1;Gagné, Hélène;Naïveté à Noël;12,50\n"
    "2;Côté, François;forêt, garçon, où;13,00\n"
    "3;Bélanger, Zoé;Île d'Orléans, ça va;7,00\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "mac-roman", "cp850", "utf-16-le", "utf-16-be"])
def test_b01_french_text_is_read_in_its_own_encoding(tmp_path: Path, encoding: str) -> None:
    parsed = parse(tmp_path, FRENCH.encode(encoding))

    assert labels(parsed) == ["Facture", "Médecin", "Élément de contexte", "Montant payé"]
    assert [row[1] for row in cells(parsed)] == ["Gagné, Hélène", "Côté, François", "Bélanger, Zoé"]
    assert parsed.reading.encoding == encoding


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_b01_a_byte_order_mark_decides_and_is_no_part_of_the_header(tmp_path: Path, encoding: str) -> None:
    parsed = parse(tmp_path, FRENCH.encode(encoding))

    assert labels(parsed)[0] == "Facture"
    assert (parsed.reading.had_bom, parsed.reading.encoding_how) == (True, "bom")


def test_b01_a_first_accent_behind_the_first_megabytes_still_decides(tmp_path: Path) -> None:
    ascii_rows = b"nom;ville\n" + b"Roy;Laval\n" * 150_000
    parsed = parse(tmp_path, ascii_rows + "Côté;Montréal\n".encode("cp1252"))

    assert parsed.reading.encoding == "cp1252"
    assert cells(parsed)[-1] == ["Côté", "Montréal"]


def test_b01_oe_and_euro_tell_latin_9_from_windows(tmp_path: Path) -> None:
    text = "soin;prix\nÉchographie du cœur;12 €\nPose d'œillère;40 €\nSœur Thérèse;9 €\n"
    parsed = parse(tmp_path, text.encode("iso8859-15"))

    assert cells(parsed)[0] == ["Échographie du cœur", "12 €"]


def test_b01_windows_punctuation_is_not_taken_for_letters(tmp_path: Path) -> None:
    text = "note;prix\nL’été – déjà là…;1\n« Hélène » à l’hôpital;2\n"
    parsed = parse(tmp_path, text.encode("cp1252"))

    assert [row[0] for row in cells(parsed)] == ["L’été – déjà là…", "« Hélène » à l’hôpital"]


def test_b01_a_stray_windows_byte_in_utf8_is_named_by_offset_and_line(tmp_path: Path) -> None:
    data = FRENCH.encode() + b"4;L\xe9vesque;x;1,00\n"
    parsed = parse(tmp_path, data)

    assert places(parsed, "encoding-error") == [(None, 5)]
    assert params(parsed, "encoding-error")["offset"] == data.index(b"\xe9v")
    assert cells(parsed)[-1][1] == "Lévesque"


@pytest.mark.parametrize("strange", [1, 10, 80])
def test_b01_a_file_in_two_encodings_keeps_its_letters_and_names_the_strange_lines(
    tmp_path: Path, strange: int
) -> None:
    data = b"nom;ville\n" + "Gagné, Hélène;Montréal\n".encode() * 10
    parsed = parse(tmp_path, data + "Côté, Zoé;Québec\n".encode("cp1252") * strange)

    assert {tuple(row) for row in cells(parsed)} == {("Gagné, Hélène", "Montréal"), ("Côté, Zoé", "Québec")}
    assert {line for _row, line in places(parsed, "encoding-error")} == set(range(12, 12 + strange))


@pytest.mark.parametrize("encoding", ["mac-roman", "cp1252", "cp850", "iso8859-15"])
def test_b01_accents_beside_apostrophes_are_no_second_encoding(tmp_path: Path, encoding: str) -> None:
    text = "note;prix\nl'été à l'école « ÉLÈVE » PAYÉ»;1\nNoël d'Éloïse;2\n"
    if encoding in ("mac-roman", "cp1252"):
        text = text.replace("'", "’")
    parsed = parse(tmp_path, text.encode(encoding))

    assert cells(parsed)[0][0] == text.split("\n")[1].split(";")[0]
    assert not parsed.counts


def test_b01_a_byte_without_meaning_becomes_a_mark_and_a_finding(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "nom;prix\nCôté;1\nHélène;2\nFrançois;3\n".encode("cp1252") + b"a\x81b;4\n")

    assert cells(parsed)[-1] in (["a\ufffdb", "4"], ["a\x81b", "4"])
    assert cells(parsed)[0][0] == "Côté"


def test_b01_double_encoding_of_the_whole_file_is_repaired_and_reported(tmp_path: Path) -> None:
    doubled = FRENCH.encode().decode("cp1252", errors="replace")
    assert "\ufffd" not in doubled
    parsed = parse(tmp_path, doubled.encode())

    assert cells(parsed)[0][1] == "Gagné, Hélène"
    assert len(found(parsed, "mojibake")) == 1


def test_double_encoding_of_one_cell_only_is_reported_and_left_alone(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "nom;ville\nHélène;Montréal\nHÃ©lÃ¨ne;Québec\n".encode())

    assert cells(parsed) == [["Hélène", "Montréal"], ["HÃ©lÃ¨ne", "Québec"]]
    assert params(parsed, "mojibake") == {"count": 2, "case": "some"}


def test_accents_side_by_side_are_not_taken_for_double_encoding(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "nom;note\nCréée;« ÉÉ » – œ’é\nZoé;Â « à » °é½\n".encode())

    assert not parsed.counts


def test_a_declared_encoding_is_obeyed(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "nom;ville\nCôté;Montréal\n".encode("cp850"), encoding="cp850")

    assert cells(parsed) == [["Côté", "Montréal"]]
    assert parsed.reading.encoding_how == "declared"


def test_b01_zero_bytes_are_left_out_and_reported_with_their_line(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a;b\n1;x\x00y\x00\n2;z\n")

    assert cells(parsed) == [["1", "xy"], ["2", "z"]]
    assert places(parsed, "null-byte") == [(1, 2)]
    assert params(parsed, "null-byte") == {"count": 2}


def test_a_byte_order_mark_between_joined_files_is_left_out(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "nom;ville\nZoé;Laval\n\ufeffLuc;Gaspé\n".encode())

    assert cells(parsed)[1] == ["Luc", "Gaspé"]
    assert places(parsed, "stray-bom") == [(2, 3)]
