"""Rule sequence."""

from tests.support.judging import JudgeRows, lines


def test_numbers_from_one_are_right(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({}, {}, {})).findings == []


def test_a_gap_and_a_repeat_are_reported_once_a_stretch(judge_rows: JudgeRows) -> None:
    numbers = ("1", "2", "5", "6", "6", "6", "6", "7")
    judged = judge_rows(lines(*({"row_no": number} for number in numbers)))
    assert [(f["row"], f["params"]["expected"]) for f in judged.of("sequence")] == [(3, 3), (5, 7)]


def test_numbers_that_begin_later_are_reported(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"row_no": "4"}, {"row_no": "5"})).of("sequence")
    assert found["params"]["case"] == "first"


def test_one_wrong_number_is_told_once(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(*({"row_no": number} for number in ("1", "2", "30451", "4", "5"))))
    assert [(f["row"], f["params"]["expected"]) for f in judged.of("sequence")] == [(3, 3)]


def test_a_wrong_first_number_is_told_once(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(*({"row_no": number} for number in ("9", "2", "3", "4"))))
    assert [f["row"] for f in judged.of("sequence")] == [1]


def test_a_number_that_cannot_be_read_makes_no_gap(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(*({"row_no": number} for number in ("1", "2", "x", "4")))).of("sequence") == []


def test_a_gap_behind_a_number_that_cannot_be_read_is_reported(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(*({"row_no": number} for number in ("1", "2", "x", "5"))))
    assert [f["row"] for f in judged.of("sequence")] == [4]
