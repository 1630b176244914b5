"""Rule date-window."""

from tests.support.judging import JudgeRows, lines, settings


def test_yesterday_and_ninety_days_ago_can_be_billed(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"service_date": "2026-03-20"}, {"service_date": "2025-12-20"})).findings == []


def test_a_service_after_the_upload_is_an_error(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"service_date": "2026-03-21"})).of("date-window")
    assert (found["severity"], found["params"]["days"]) == ("error", 1)


def test_a_service_of_91_days_ago_is_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"service_date": "2025-12-19"})).of("date-window")
    assert (found["severity"], found["params"]["case"]) == ("warning", "late")


def test_the_delay_can_hold_for_a_stretch_of_time_only(judge_rows: JudgeRows) -> None:
    periods = [{"value": 10, "to": "2026-02-28"}, {"value": 90, "from": "2026-03-01"}]
    profile = settings(date_window={"maximum_days": periods})
    judged = judge_rows(
        lines({"service_date": "2026-02-20"}, {"service_date": "2026-03-02"}), profile=profile
    )
    assert judged.rows_of("date-window") == [1]
