"""Types and constraints of a profile's schema, on rows of its own."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.support.judging import JudgeRows, lines, settings
from validations.engine import texts
from validations.engine.profile import Profile


def profile(**field: Any) -> Profile:
    """A profile with a key and one field."""
    return Profile.from_descriptor({"name": "p", "fields": [{"name": "id"}, {"name": "x", **field}]})


def cells(*texts: str) -> list[dict[str, str]]:
    """One row for each text."""
    return [{"id": f"r{index}", "x": text} for index, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ({"type": "integer"}, ["0", "-7", "+7", "007"], ["1.0", "x", "9" * 400, "٣"]),
        ({"type": "number"}, ["1", "1.5", "-0", "1 234.5"], ["1e400", "NaN", "Infinity", "1.2.3", "１"]),
        ({"type": "boolean"}, ["true", "FALSE", "0"], ["yes", "2"]),
        ({"type": "year"}, ["2026"], ["26", "20266"]),
        (
            {"type": "datetime"},
            ["2026-01-05T08:00:00Z", "2026-01-05 08:00"],
            ["2026-01-05", "2026-13-05T08:00:00Z"],
        ),
        ({"type": "date", "format": "%Y%m%d"}, ["20260105"], ["20260230", "2026-01-05"]),
    ],
)
def test_b09_each_type_reads_its_forms_and_refuses_others(
    judge_rows: JudgeRows, field: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    judged = judge_rows(cells(*right, *wrong), profile=profile(**field))
    assert judged.rows_of("type-error") == list(range(len(right) + 1, len(right) + len(wrong) + 1))


@pytest.mark.parametrize(
    ("constraints", "right", "wrong"),
    [
        ({"pattern": "[A-Z]+"}, ["AB", " AB\u00a0"], ["ab", "A1"]),
        ({"enum": ["a", "it's"]}, ["a", "it's"], ["b"]),
        ({"minLength": 2, "maxLength": 3}, ["ab", "éàü"], ["a", "abcd"]),
    ],
)
def test_constraints_of_texts(
    judge_rows: JudgeRows, constraints: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    judged = judge_rows(cells(*right, *wrong), profile=profile(constraints=constraints))
    assert judged.rows_of("constraint-error") == list(range(len(right) + 1, len(right) + len(wrong) + 1))


def test_bounds_are_compared_in_the_type_of_the_field(judge_rows: JudgeRows) -> None:
    bounded = profile(
        type="number", unit="cents", decimalChar=",", constraints={"minimum": 1, "maximum": "9.99"}
    )
    judged = judge_rows(cells("0,99", "1,00", "9,99", "10,00"), profile=bounded)
    assert judged.rows_of("constraint-error") == [1, 4]


def test_a_value_that_comes_again_breaks_unique_and_names_the_first_line(judge_rows: JudgeRows) -> None:
    judged = judge_rows(cells("a", "b", " a"), profile=profile(constraints={"unique": True}))
    assert [(f["row"], f["params"]["other_line"]) for f in judged.of("unique-error")] == [(3, 2)]


def test_a_primary_key_that_comes_again_is_an_error(judge_rows: JudgeRows) -> None:
    keyed = Profile.from_descriptor(
        {"name": "p", "fields": [{"name": "id"}, {"name": "x"}], "primaryKey": ["id", "x"]}
    )
    rows = [{"id": "1", "x": "a"}, {"id": "1", "x": "b"}, {"id": "1", "x": "a"}]
    assert judge_rows(rows, profile=keyed).rows_of("primary-key") == [3]


def test_equal_rows_are_found_where_the_profile_asks(judge_rows: JudgeRows) -> None:
    asked = Profile.from_descriptor(
        {"name": "p", "fields": [{"name": "id"}], "rules": {"duplicate-row": "warning"}}
    )
    rows = [{"id": "1"}, {"id": "2"}, {"id": "1"}]
    assert judge_rows(rows, profile=asked).rows_of("duplicate-row") == [3]


def test_b10_a_cell_of_100_kilobytes_is_matched_in_bounded_time(judge_rows: JudgeRows) -> None:
    slow = profile(constraints={"pattern": "(a+)+b"})
    assert judge_rows(cells("a" * 100_000), profile=slow).rows_of("constraint-error") == [1]


def test_missing_values_of_the_profile_are_empty(judge_rows: JudgeRows) -> None:
    descriptor = {
        "name": "p",
        "fields": [{"name": "x", "type": "integer"}],
        "missingValues": ["", "-", "n/a"],
    }
    judged = judge_rows([{"x": "-"}, {"x": "n/a"}, {"x": "1"}], profile=Profile.from_descriptor(descriptor))
    assert judged.findings == []


def test_records_hold_typed_values_and_the_text_of_what_is_not_in_the_plain_form(
    judge_rows: JudgeRows,
) -> None:
    judged = judge_rows(lines({"units": "1,5"}, {"units": 'x"y', "amount": "abc"}))
    first, second = judged.records
    assert (first["service_date"], first["units"], first["extra"]) == (
        date(2026, 3, 2),
        Decimal("1.50"),
        '{"units":"1,5"}',
    )
    assert (second["units"], second["amount_cents"]) == (None, None)
    assert second["extra"] == '{"units":"x\\"y","amount":"abc"}'


def test_columns_outside_of_the_profile_are_kept_by_their_label(judge_rows: JudgeRows) -> None:
    rows = [row | {"Note d'équipe": "à revoir"} for row in lines({})]
    judged = judge_rows(rows)
    assert judged.records[0]["extra"] == '{"Note d\'équipe":"à revoir"}'
    assert [(f["code"], f["severity"]) for f in judged.findings] == [("extra-label", "info")]


def test_full_width_digits_of_an_identifier_are_read_and_reported(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"invoice_number": "１２３456789"}))
    assert judged.records[0]["invoice_number"] == "123456789"
    assert judged.codes == {"value-normalized"}


def test_a_code_that_is_off_is_not_found_and_another_severity_is_given(judge_rows: JudgeRows) -> None:
    changed = settings(type_error="off", place_known="error", value_normalized="off")
    judged = judge_rows(lines({"units": "x"}, {"place": "59998"}, {"code": " 15804"}), profile=changed)
    assert [(f["code"], f["severity"]) for f in judged.findings] == [("place-known", "error")]


@pytest.mark.parametrize(
    ("field", "cell", "english", "french"),
    [
        ({"type": "number"}, "a", "“X” must be a number.", "« X » doit être un nombre."),
        ({"type": "date"}, "a", "“X” must be a date.", "« X » doit être une date."),
        (
            {"constraints": {"pattern": "[0-9]{4,5}"}},
            "a",
            "“X” is not written as expected: 4 to 5 digits.",
            "« X » n’a pas la forme attendue : 4 à 5 chiffres.",
        ),
        (
            {"constraints": {"pattern": "[A-C]+"}, "expected": {"en": "A, B or C", "fr": "A, B ou C"}},
            "a",
            "“X” is not written as expected: A, B or C.",
            "« X » n’a pas la forme attendue : A, B ou C.",
        ),
        (
            {"constraints": {"minLength": 2}},
            "a",
            "“X” is too short; it needs at least 2 characters.",
            "« X » est trop court ; il faut au moins 2 caractères.",
        ),
    ],
)
def test_a_message_says_in_words_what_is_expected(
    judge_rows: JudgeRows, field: dict[str, Any], cell: str, english: str, french: str
) -> None:
    (found,) = judge_rows(cells(cell), profile=profile(title="X", **field)).findings
    assert texts.message(found["code"], found["params"], "en") == english
    assert texts.message(found["code"], found["params"], "fr").replace("\u00a0", " ") == french


def test_no_message_shows_a_regular_expression(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(cells("a"), profile=profile(constraints={"pattern": "[A-C]+(x|y)*"})).findings
    for language in ("en", "fr"):
        assert "[A-C]" not in texts.message(found["code"], found["params"], language)


def test_a_digit_that_is_missing_at_the_front_is_proposed_as_a_zero(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"place": "5137"}, {"place": "513"}, {"place": "5O137"}))
    assert [finding["suggestion"] for finding in judged.of("constraint-error")] == ["05137", None, None]
