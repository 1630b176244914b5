"""Rule paid."""

from tests.support.judging import JudgeRows, lines


def test_as_much_as_billed_is_right(judge_rows: JudgeRows) -> None:
    assert (
        judge_rows(lines({"amount_paid": "22,75"}, {"amount_paid": "0,00"}, {"amount_paid": ""})).findings
        == []
    )


def test_a_cent_more_is_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"amount_paid": "22,76"})).findings
    assert (found["code"], found["severity"], found["field"]) == ("paid", "warning", "amount_paid")
