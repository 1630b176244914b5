"""Rule place-known."""

from tests.support.judging import JudgeRows, lines


def test_a_listed_place_is_known(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"place": "00113"})).findings == []


def test_another_place_is_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"place": "59998"})).findings
    assert (found["code"], found["severity"], found["value"]) == ("place-known", "warning", "59998")


def test_a_place_one_digit_from_a_listed_one_is_unknown(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"place": "50137"}, {"place": "50138"}))
    assert judged.rows_of("place-known") == [2]
