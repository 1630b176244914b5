"""Rule period."""

from tests.support.judging import JudgeRows, lines, settings


def test_the_rule_is_off_unless_the_profile_switches_it_on(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"period": "202501"})).findings == []


def test_another_week_than_the_date_is_a_warning_with_the_right_one(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({}, {"period": "202501"}), profile=settings(period="warning"))
    (found,) = judged.findings
    assert (found["code"], found["row"], found["suggestion"]) == ("period", 2, "202610")


def test_the_first_and_the_last_day_of_an_iso_week_are_in_it(judge_rows: JudgeRows) -> None:
    days = [
        {"service_date": "2026-03-02", "period": "202610"},
        {"service_date": "2026-03-08", "period": "202610"},
    ]
    judged = judge_rows(lines(*days), profile=settings(period="warning"))
    assert judged.of("period") == []


def test_a_calendar_of_the_payer_takes_the_place_of_iso_weeks(judge_rows: JudgeRows) -> None:
    calendar = [{"value": 20260104, "from": "2026-01-04", "to": "2027-01-02", "source": "calendar 2026"}]
    profile = settings(period={"severity": "warning", "first_day": calendar, "period_days": 14})
    days = [
        {"service_date": "2026-01-17", "period": "202601"},
        {"service_date": "2026-01-18", "period": "202602"},
        {"service_date": "2026-01-18", "period": "202601"},
        {"service_date": "2026-01-03", "period": "202601"},
    ]
    (found,) = judge_rows(lines(*days), profile=profile).of("period")
    assert (found["row"], found["suggestion"]) == (3, "202602")
