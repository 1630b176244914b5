"""Rule context-known."""

from tests.support.judging import JudgeRows, lines


def test_elements_are_read_whole_in_any_case_with_or_without_a_mark(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"context": "#g160, ar ,TELE"}, {"context": "G160,"})).findings == []


def test_an_element_that_only_contains_a_known_one_is_unknown(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"context": "G160,STARX,XAR"})).findings
    assert (found["code"], found["params"]["unknown"]) == ("context-known", ["STARX", "XAR"])


def test_no_context_and_empty_elements_are_right(judge_rows: JudgeRows) -> None:
    assert (
        judge_rows(lines({"context": ""}, {"context": "G160,,"}, {"context": " , "})).of("context-known")
        == []
    )
