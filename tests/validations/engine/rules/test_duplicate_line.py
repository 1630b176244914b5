"""Rule duplicate-line."""

from tests.support.judging import JudgeRows, lines

SAME = {"record_id": "12345678901", "patient": "TREM85010112 Tremblay, Jean"}


def test_one_record_may_have_several_codes(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(SAME, SAME | {"code": "9751"})).of("duplicate-line") == []


def test_b11_second_and_later_lines_name_the_line_of_the_first(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(SAME, {}, SAME, SAME))
    assert [(f["line"], f["params"]["other_line"]) for f in judged.of("duplicate-line")] == [(4, 2), (5, 2)]


def test_a_line_with_an_unreadable_start_is_left_out_and_counted(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(SAME, SAME | {"start_time": "25:00"}))
    assert judged.of("duplicate-line") == []
    assert judged.summary.not_checked["duplicate-line"] == 1


def test_a_line_that_differs_only_in_its_start_is_another_one(judge_rows: JudgeRows) -> None:
    one = {"record_id": "12345678901", "patient": "TREM85010112 Tremblay, Jean"}
    judged = judge_rows(lines(one | {"start_time": "09:00"}, one | {"start_time": "09:01"}))
    assert judged.of("duplicate-line") == []
