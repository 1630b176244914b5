"""Rule daily-fee-eligible."""

from tests.support.judging import JudgeRows, lines

SMALL = {"code": "19928", "amount": "32,40", "amount_paid": ""}


def test_six_registered_patients_allow_the_small_fee(judge_rows: JudgeRows) -> None:
    visits = [{"context": ""}] * 6
    assert judge_rows(lines(*visits, SMALL)).of("daily-fee-eligible") == []


def test_five_registered_and_nine_walk_in_patients_do_not(judge_rows: JudgeRows) -> None:
    visits = [{"context": ""}] * 5 + [{"context": "AR"}] * 9
    (found,) = judge_rows(lines(*visits, SMALL)).of("daily-fee-eligible")
    assert (found["params"]["registered"], found["params"]["walk_in"]) == (5, 9)


def test_the_same_patient_counts_once(judge_rows: JudgeRows) -> None:
    visits = [{"context": "", "patient": "TREM85010112 Tremblay, Jean"}] * 6
    assert judge_rows(lines(*visits, SMALL)).rows_of("daily-fee-eligible") == [7]


def test_an_establishment_is_paid_no_fee(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(SMALL | {"place": "00113"})).of("daily-fee-eligible")
    assert found["params"]["case"] == "place"
