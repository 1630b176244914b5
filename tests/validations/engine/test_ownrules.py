"""Rules of staff in a check, beside the others."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.judging import GOOD, TODAY, lines
from validations.engine.check import FINDING_COLUMNS, Check
from validations.engine.options import Options
from validations.engine.ownrules import OwnRule
from validations.engine.profile import load_profile
from validations.engine.texts import Text

TITLE = Text("Dear line", "Ligne chère")
DEAR = OwnRule(
    "own-dear", "warning", TITLE, "SELECT row, 'amount' AS field, amount_cents AS amount FROM typed "
    "WHERE amount_cents > 10000", version=3,
)  # fmt: skip
FAILING = OwnRule(
    "own-failing", "error", Text("Failing", "En panne"), "SELECT row, 'x' AS field FROM nowhere"
)


def checked(folder: Path, rows: list[dict[str, str | None]], *rules: OwnRule) -> list[dict[str, Any]]:
    profile = load_profile("quebec-medical")
    labels = {field.name: field.label for field in profile.fields}
    path = folder / "lines.csv"
    table = [[labels[name] for name in GOOD], *([row[name] or "" for name in GOOD] for row in rows)]
    path.write_text("".join(";".join(f'"{cell}"' for cell in row) + "\n" for row in table), encoding="utf-8")
    with Check(path, profile, Options(today=TODAY), own_rules=rules) as check:
        check.read()
        check.run_rules()
        found = [row for batch in check.finding_batches() for row in batch]
    return [dict(zip(FINDING_COLUMNS, row, strict=True)) for row in found]


def test_an_own_rule_finds_its_rows_with_cell_line_and_version(tmp_path: Path) -> None:
    rows = lines({}, {"amount": "100,00"}, {"amount": "100,01"})
    (found,) = checked(tmp_path, rows, DEAR)
    assert (found["code"], found["severity"], found["row"], found["line"]) == ("own-dear", "warning", 3, 4)
    assert (found["field"], found["value"], found["amount_cents"]) == ("amount", "100,01", 10001)
    assert json.loads(found["params"]) == {"amount": 10001, "version": 3}


def test_a_failing_rule_is_reported_by_its_name_and_stops_no_other(tmp_path: Path) -> None:
    found = checked(tmp_path, lines({"amount": "100,01"}, {"code": ""}), FAILING, DEAR)
    assert {finding["code"] for finding in found} == {"rule-failed", "own-dear", "required"}
    (failed,) = (json.loads(finding["params"]) for finding in found if finding["code"] == "rule-failed")
    assert failed == {"rule": "own-failing", "rule_en": "Failing", "rule_fr": "En panne"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row, 'amount' AS field FROM typed, (VALUES (1), (2), (3)) v(x)",
        "SELECT row + 1000000 AS row, 'amount' AS field FROM typed",
    ],
    ids=["more findings than rows", "rows that are not there"],
)
def test_findings_stand_at_rows_of_the_file_and_are_no_more_than_those(tmp_path: Path, sql: str) -> None:
    found = checked(tmp_path, lines({}, {}), OwnRule("own-many", "error", TITLE, sql))
    assert [finding["code"] for finding in found if finding["code"] == "own-many"] == []


def test_identifiers_are_texts_to_a_query(tmp_path: Path) -> None:
    sql = "SELECT row, 'record_id' AS field, record_id AS value FROM typed WHERE record_id = '00000000042'"
    (found,) = checked(
        tmp_path, lines({}, {"record_id": "00000000042"}), OwnRule("own-id", "info", TITLE, sql)
    )
    assert found["value"] == "00000000042"
