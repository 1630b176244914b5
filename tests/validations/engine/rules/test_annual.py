"""Rule annual."""

from tests.support.judging import JudgeRows, lines

ACT = {"code": "15815", "patient": "TREM85010112 Tremblay, Jean", "amount": "123,40"}
PAID = ACT | {"amount_paid": "123,40"}
UNPAID = ACT | {"amount_paid": "0,00"}


def test_one_act_a_year_is_right(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(PAID, PAID | {"service_date": "2025-12-22"})).of("annual") == []


def test_two_paid_acts_are_an_error_on_the_second(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(PAID, PAID | {"code": "15825"})).of("annual")
    assert (found["row"], found["severity"], found["params"]["case"]) == (2, "error", "paid")


def test_one_paid_act_makes_the_unpaid_one_an_error(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(UNPAID, PAID)).of("annual")
    assert (found["row"], found["severity"], found["params"]["other_line"]) == (1, "error", 3)


def test_without_any_payment_the_first_is_kept_and_the_second_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(UNPAID, UNPAID)).of("annual")
    assert (found["row"], found["severity"]) == (2, "warning")
