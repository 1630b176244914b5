"""Rule totals."""

from tests.support.judging import GOOD, JudgeRows, lines

EMPTY = dict.fromkeys(GOOD, "")


def test_a_total_row_is_no_record_and_may_add_up(judge_rows: JudgeRows) -> None:
    judged = judge_rows([*lines({}, {}), EMPTY | {"row_no": "Grand Total", "amount": "45,50"}])
    assert len(judged.records) == 2
    assert judged.codes == {"total-row"}


def test_a_total_row_that_differs_by_a_cent_is_an_error_with_the_sum(judge_rows: JudgeRows) -> None:
    judged = judge_rows([*lines({}, {}), EMPTY | {"invoice_number": "TOTAL :", "amount": "45,51"}])
    (found,) = judged.of("totals")
    assert (found["row"], found["value"], found["suggestion"]) == (3, "45,51", "45,50")


def test_a_total_column_with_one_value_holds_the_sum_of_the_file(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"grand_total": "45,50"}, {"grand_total": "45,50"})).findings == []


def test_a_total_column_with_one_wrong_value_is_one_finding(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"grand_total": "22,75"}, {"grand_total": "22,75"})).rows_of("totals") == [1]


def test_each_invoice_with_a_wrong_total_is_one_finding(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"grand_total": "22,75"}, {"grand_total": "30,00"}))
    assert [(f["row"], f["params"]["given"]) for f in judged.of("totals")] == [(2, 3000)]
