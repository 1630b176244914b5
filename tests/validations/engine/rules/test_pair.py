"""Rule pair."""

from tests.support.judging import JudgeRows, lines

SUTURE = {"code": "20123", "patient": "TREM85010112 Tremblay, Jean"}
EXCISION = {"code": "20245", "patient": "TREM85010112 Tremblay, Jean"}


def test_the_two_acts_on_different_days_are_right(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(SUTURE, EXCISION | {"service_date": "2026-03-03"})).of("pair") == []


def test_the_second_act_names_the_line_of_the_first(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(EXCISION, SUTURE)).of("pair")
    assert (found["row"], found["params"]["other_line"], found["params"]["first"]) == (1, 3, "20123")


def test_the_override_context_allows_both(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(SUTURE | {"context": "#diff"}, EXCISION)).of("pair") == []


def test_one_code_twice_is_no_pair(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(SUTURE, SUTURE)).of("pair") == []
