"""Rule daily-fee-maximum."""

from tests.support.judging import JudgeRows, lines, settings

SMALL = {"code": "19928", "amount": "32,40", "amount_paid": ""}
LARGE = {"code": "19929", "amount": "64,80", "amount_paid": ""}


def test_fees_of_different_days_are_not_added(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(SMALL, LARGE | {"service_date": "2026-03-03"})).of("daily-fee-maximum") == []


def test_both_fees_on_one_day_pass_the_maximum_and_name_their_lines(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(SMALL, {}, LARGE)).of("daily-fee-maximum")
    assert (found["row"], found["params"]["total"], found["params"]["lines"]) == (3, 9720, [2, 4])
    assert found["amount_cents"] == 9720


def test_the_maximum_is_a_parameter(judge_rows: JudgeRows) -> None:
    profile = settings(daily_fee_maximum={"maximum_cents": 9720})
    assert judge_rows(lines(SMALL, LARGE), profile=profile).of("daily-fee-maximum") == []
