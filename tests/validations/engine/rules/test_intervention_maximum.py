"""Rule intervention-maximum."""

from tests.support.judging import JudgeRows, lines

FIRST = {"code": "8857", "amount": "74,55", "amount_paid": ""}
FURTHER = {"code": "8859", "amount": "9,95", "amount_paid": ""}


def test_180_minutes_are_within_the_maximum(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(*[FIRST] * 6)).of("intervention-maximum") == []


def test_a_minute_more_is_an_error_that_names_the_total(judge_rows: JudgeRows) -> None:
    patient = {"patient": "COTE85010112 Côté, Luc"}
    judged = judge_rows(lines(*[FIRST] * 5, FIRST | patient, FURTHER | patient))
    (found,) = judged.of("intervention-maximum")
    assert (found["row"], found["params"]["minutes"]) == (7, 181)


def test_exempt_contexts_are_not_counted(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(*[FIRST] * 6, FIRST | {"context": "AR,icep"}))
    assert judged.of("intervention-maximum") == []


def test_further_minutes_without_a_first_period_are_an_error(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(FIRST, FURTHER)).of("intervention-maximum")
    assert (found["row"], found["params"]["case"]) == (2, "alone")
