"""Rule id-format."""

import pytest

from tests.support.judging import JudgeRows, lines


def test_nine_and_eleven_digits_are_right(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"invoice_number": "000000001", "record_id": "00000000001"})).findings == []


def test_a_digit_too_few_and_letters_are_errors(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"invoice_number": "12345678"}, {"record_id": "1234567890A"}))
    assert [(f["row"], f["field"]) for f in judged.of("id-format")] == [
        (1, "invoice_number"),
        (2, "record_id"),
    ]


def test_scientific_notation_of_a_spreadsheet_has_its_own_message(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"record_id": "1,56E+10"})).of("id-format")
    assert found["params"]["case"] == "scientific"
    assert found["suggestion"] is None


def test_leading_zeros_are_kept_in_the_record(judge_rows: JudgeRows) -> None:
    (record,) = judge_rows(lines({"invoice_number": "000000042"})).records
    assert record["invoice_number"] == "000000042"


@pytest.mark.parametrize("text", ["１２３４５６７８９", "\u00a0123456789\u202f", "123456789\u200b"])
def test_full_width_digits_and_no_break_spaces_are_read_and_reported(
    judge_rows: JudgeRows, text: str
) -> None:
    judged = judge_rows(lines({"invoice_number": text}))
    assert [record["invoice_number"] for record in judged.records] == ["123456789"]
    assert [finding["code"] for finding in judged.findings] == ["value-normalized"]
