"""Rule money-range."""

from tests.support.judging import JudgeRows, lines


def test_the_bounds_themselves_are_in_range(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"amount": "0,00", "amount_paid": ""}, {"amount": "5000,00"}))
    assert judged.of("money-range") == []


def test_a_cent_beyond_either_bound_is_an_error(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"amount": "-0,01", "amount_paid": ""}, {"amount": "5000,01"}))
    assert judged.rows_of("money-range") == [1, 2]
