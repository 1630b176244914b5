"""Rule place-known."""

from tests.support.judging import JudgeRows, lines


def test_a_listed_place_is_known(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"place": "00113"})).findings == []


def test_another_place_is_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"place": "59998"})).findings
    assert (found["code"], found["severity"], found["value"]) == ("place-known", "warning", "59998")
