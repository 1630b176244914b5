"""Rule time-order."""

from tests.support.judging import JudgeRows, lines


def test_midnight_on_either_side_is_no_time(judge_rows: JudgeRows) -> None:
    judged = judge_rows(
        lines({"start_time": "09:00", "end_time": "00:00"}, {"start_time": "00:00", "end_time": "00:00"})
    )
    assert judged.of("time-order") == []


def test_an_end_at_or_before_the_start_is_an_error(judge_rows: JudgeRows) -> None:
    judged = judge_rows(
        lines({"start_time": "09:00", "end_time": "09:00"}, {"start_time": "10:00", "end_time": "09:59"})
    )
    assert [(f["row"], f["severity"]) for f in judged.of("time-order")] == [(1, "error"), (2, "error")]


def test_an_evening_that_ends_after_midnight_is_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"start_time": "20:00", "end_time": "00:30"})).of("time-order")
    assert found["severity"] == "warning"
