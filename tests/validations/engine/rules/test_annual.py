"""Rule annual."""

import pytest

from tests.support.judging import JudgeRows, lines, past_run

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


OTHER = {"record_id": "99999999999", "service_date": "2026-01-12"}


def test_the_first_act_of_the_next_year_is_right(judge_rows: JudgeRows) -> None:
    earlier = [(past_run(), lines(PAID | OTHER | {"service_date": "2025-12-31"}))]
    assert judge_rows(lines(PAID | {"service_date": "2026-01-01"}), earlier=earlier).of("annual") == []


@pytest.mark.parametrize(("act", "case"), [(UNPAID, "earlier"), (PAID, "earlier-paid")])
def test_an_act_paid_in_an_earlier_file_makes_this_one_an_error(
    judge_rows: JudgeRows, act: dict[str, str], case: str
) -> None:
    earlier = [(past_run(), lines({}, PAID | OTHER))]
    (found,) = judge_rows(lines(act), earlier=earlier).of("annual")
    assert (found["row"], found["severity"], found["params"]["case"]) == (1, "error", case)
    assert (found["params"]["file"], found["params"]["earlier_line"]) == ("file1.csv", 3)


def test_an_unpaid_act_of_an_earlier_file_is_kept_and_this_one_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(UNPAID), earlier=[(past_run(), lines(UNPAID | OTHER))]).of("annual")
    assert (found["severity"], found["params"]["case"]) == ("warning", "earlier-unpaid")


def test_a_paid_act_here_is_kept_before_an_unpaid_one_of_an_earlier_file(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(PAID), earlier=[(past_run(), lines(UNPAID | OTHER))]).of("annual") == []


def test_acts_of_other_patients_and_of_refused_files_do_not_count(judge_rows: JudgeRows) -> None:
    other = PAID | OTHER | {"patient": "COTE85010112 Côté, Luc"}
    earlier = [(past_run(1), lines(other)), (past_run(2, is_refused=True), lines(PAID | OTHER))]
    assert judge_rows(lines(PAID), earlier=earlier).of("annual") == []


def test_the_same_record_sent_again_is_one_act(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(PAID), earlier=[(past_run(), lines(PAID))]).of("annual") == []
