"""Rule time-format."""

from tests.support.judging import JudgeRows, lines


def test_times_of_the_day_and_empty_ones_are_right(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"start_time": "00:00", "end_time": ""}, {"end_time": "23:59"})).findings == []


def test_impossible_times_are_errors(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"start_time": "24:00"}, {"end_time": "9h75"}, {"end_time": "midi"}))
    assert judged.rows_of("time-format") == [1, 2, 3]


def test_other_usual_ways_of_writing_are_read_and_reported_once(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"start_time": "14h05"}, {"start_time": "8:05"}, {"start_time": " 09:30 "}))
    assert [str(record["start_time"]) for record in judged.records] == ["14:05:00", "08:05:00", "09:30:00"]
    (found,) = judged.findings
    assert (found["code"], found["params"]["count"], found["row"]) == ("value-normalized", 3, None)
