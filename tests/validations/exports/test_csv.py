"""Findings as a file that a spreadsheet opens safely."""

import csv
import io

import pytest

from jobs.safecells import safe_cell
from validations.exports.csv import findings_csv
from validations.models import Finding


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\0=1",
        "＝1+1",
        "－12",
        "-1 2 cmd",
        "-٣",
        '=HYPERLINK("http://x")',
    ],
)
def test_b06_a_formula_is_neutralised(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["-12", "-12,50", "+3.5", "-1 234,56", "-1,234.56", "-47,05 $", "abc", "", "1-2"]
)
def test_b06_plain_numbers_and_text_stay_as_they_are(cell: str) -> None:
    assert safe_cell(cell) == cell


def test_french_export_has_a_mark_semicolons_and_a_decimal_comma() -> None:
    finding = Finding(
        code="required",
        severity="error",
        line=7,
        column_label="Montant",
        value="=1",
        params={},
        amount_cents=-4705,
    )
    lines = "".join(findings_csv(iter([finding]), "fr", delimiter=";", with_bom=True))
    assert lines.startswith("\ufeff")
    row = next(csv.DictReader(io.StringIO(lines.removeprefix("\ufeff")), delimiter=";"))
    assert (row["Line"], row["Value"], row["Amount"]) == ("7", "'=1", "-47,05")
