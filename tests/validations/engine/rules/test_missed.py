"""Rule missed."""

from tests.support.judging import JudgeRows, lines


def test_short_visits_and_well_paid_ones_are_right(judge_rows: JudgeRows) -> None:
    short = {"start_time": "09:00", "end_time": "09:29"}
    dear = {"start_time": "10:00", "end_time": "11:00", "amount": "80,00"}
    assert judge_rows(lines(short, dear)).findings == []


def test_a_long_cheap_visit_tells_what_the_intervention_would_pay_more(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"start_time": "09:00", "end_time": "09:30"})).findings
    assert (found["code"], found["severity"], found["amount_cents"]) == ("missed", "info", 7455 - 2275)


def test_a_registered_patient_without_the_supplement_is_told_once_a_year(judge_rows: JudgeRows) -> None:
    seen = {"context": "", "patient": "TREM85010112 Tremblay, Jean"}
    (found,) = judge_rows(lines(seen, seen | {"service_date": "2026-03-03"})).findings
    assert (found["code"], found["row"], found["amount_cents"]) == ("missed", 1, 1860)


def test_the_supplement_billed_once_is_enough(judge_rows: JudgeRows) -> None:
    seen = {"context": "", "patient": "TREM85010112 Tremblay, Jean"}
    assert (
        judge_rows(lines(seen, seen | {"code": "8875", "amount": "18,60", "amount_paid": ""})).findings == []
    )
