"""Rule period."""

from tests.support.judging import JudgeRows, lines, settings


def test_the_rule_is_off_unless_the_profile_switches_it_on(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"period": "202501"})).findings == []


def test_another_week_than_the_date_is_a_warning_with_the_right_one(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({}, {"period": "202501"}), profile=settings(period="warning"))
    (found,) = judged.findings
    assert (found["code"], found["row"], found["suggestion"]) == ("period", 2, "202610")
