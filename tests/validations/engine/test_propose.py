"""A profile proposed from a sample file."""

from pathlib import Path
from typing import Any

import pytest

from validations.engine.errors import UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import Profile
from validations.engine.propose import Proposal, propose


def proposed(folder: Path, content: str, encoding: str = "utf-8") -> Proposal:
    path = folder / "sample.csv"
    path.write_bytes(content.encode(encoding))
    found = propose(path, Options(temp_dir=folder))
    # Whatever is proposed is a profile, once it has a name.
    Profile.from_descriptor({"name": "proposed", **found.descriptor})
    return found


def column(folder: Path, *cells: str) -> dict[str, Any]:
    """The field proposed for one column of cells beside another one."""
    found = proposed(folder, "Autre;Colonne\n" + "".join(f"x{i};{cell}\n" for i, cell in enumerate(cells)))
    field: dict[str, Any] = found.descriptor["fields"][1]
    return field


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("2026-03-01", "2026-12-31"), {"type": "date", "formats": ["%Y-%m-%d"]}),
        (("01/03/2026", "31/12/2026"), {"type": "date", "formats": ["%d/%m/%Y"]}),
        (("03/31/2026", "12/01/2026"), {"type": "date", "formats": ["%m/%d/%Y"]}),
        (("01/03/2026", "02/04/2026"), {"type": "date", "formats": ["%d/%m/%Y"]}),
        (("08:05", "14h30"), {"type": "time"}),
        (
            ("47,05", "1 234,00 $"),
            {"unit": "cents", "decimalChar": ",", "groupChar": " ", "bareNumber": False},
        ),
        (("47.05", "1,234.00"), {"unit": "cents", "decimalChar": ".", "groupChar": ","}),
        (("12", "7", "-3"), {"type": "integer"}),
        (("1,5", "0,125"), {"type": "number", "decimalChar": ",", "decimals": 3}),
        (("00123", "45678"), {"type": "string", "constraints": {"pattern": "[0-9]{5}", "required": True}}),
        (("oui", "non", "oui"), {"type": "boolean", "trueValues": ["oui"], "falseValues": ["non"]}),
        (("rouge", "vert") * 20, {"constraints": {"enum": ["rouge", "vert"], "required": True}}),
        (("a", "", "b"), {"type": "string"}),
    ],
    ids=str,
)
def test_a_column_is_judged_by_what_all_its_values_have_in_common(
    tmp_path: Path, cells: tuple[str, ...], expected: dict[str, Any]
) -> None:
    field = column(tmp_path, *cells)
    assert {key: field.get(key) for key in expected} == expected


def test_one_odd_value_makes_a_column_of_numbers_a_text(tmp_path: Path) -> None:
    assert column(tmp_path, "12", "7", "douze")["type"] == "string"


def test_headers_get_names_of_their_own_that_the_typed_table_does_not_use(tmp_path: Path) -> None:
    found = proposed(tmp_path, "Prix (net);Prix net;Line;2e montant;Été\na;b;c;d;e\nf;g;h;i;j\n")
    names = [field["name"] for field in found.descriptor["fields"]]
    assert names == ["prixnet", "prixnet2", "line_field", "emontant", "ete"]
    assert found.descriptor["fields"][0]["title"] == "Prix (net)"


def test_what_the_reading_detected_comes_with_the_proposal(tmp_path: Path) -> None:
    found = proposed(tmp_path, "Rapport\n\nNuméro;Été\n1;chaud\n2;sec\n3;doux\n", "cp1252")
    assert (found.reading.encoding, found.reading.delimiter, found.reading.rows) == ("cp1252", ";", 3)
    assert found.like == ""


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"%PDF-1.7 \x00\x01" * 100)
    with pytest.raises(UnreadableFileError):
        propose(tmp_path / "x.csv", Options(temp_dir=tmp_path))
