"""Rule required."""

from tests.support.judging import JudgeRows, lines


def test_a_complete_line_has_no_empty_required_cell(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({})).findings == []


def test_spaces_and_no_break_spaces_do_not_fill_a_required_cell(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"code": ""}, {"patient": " \u00a0\u202f"}, {"place": "  "}))
    assert [(f["row"], f["field"], f["value"]) for f in judged.of("required")] == [
        (1, "code", ""),
        (2, "patient", ""),
        (3, "place", ""),
    ]


def test_a_cell_that_is_missing_altogether_is_not_reported_a_second_time(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"patient": None})).of("required") == []
