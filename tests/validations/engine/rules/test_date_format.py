"""Rule date-format."""

from tests.support.judging import JudgeRows, lines


def test_a_column_of_french_dates_is_read_as_such(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"service_date": "17/02/2026"}, {"service_date": "02/03/2026"}))
    assert [str(record["service_date"]) for record in judged.records] == ["2026-02-17", "2026-03-02"]
    assert judged.findings == []


def test_b09_days_that_do_not_exist_are_errors(judge_rows: JudgeRows) -> None:
    wrong = ("2023-02-29", "0000-01-01", "99999-01-01", "2026-13-01")
    judged = judge_rows(lines({}, *({"service_date": text} for text in wrong)))
    assert judged.rows_of("date-format") == [2, 3, 4, 5]
    assert judged.records[1]["extra"] == '{"service_date":"2023-02-29"}'


def test_b09_the_format_of_most_cells_decides_and_others_are_reported(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({}, {}, {"service_date": "17/02/2026"}, {"service_date": "03/02/2026"}))
    found = judged.of("date-format")
    assert [(f["row"], f["suggestion"]) for f in found] == [(3, "2026-02-17"), (4, None)]


def test_b09_a_column_in_which_day_and_month_could_be_swapped_is_a_warning(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"service_date": "03/02/2026"}, {"service_date": "05/03/2026"}))
    (found,) = judged.of("date-ambiguous")
    assert found["severity"] == "warning"
    assert found["row"] is None


def test_the_number_of_a_day_is_called_one_and_its_date_is_suggested(judge_rows: JudgeRows) -> None:
    judged = judge_rows(
        lines({}, {"service_date": "46085"}, {"service_date": "46085.0"}, {"service_date": "99999"})
    )
    found = [(f["row"], f["suggestion"], f["params"]["case"]) for f in judged.of("date-format")]
    assert found == [(2, "2026-03-04", "serial"), (3, "2026-03-04", "serial"), (4, None, None)]


def test_the_number_of_a_day_is_suggested_in_the_format_of_its_column(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"service_date": "17/02/2026"}, {"service_date": "46085"}))
    assert [f["suggestion"] for f in judged.of("date-format")] == ["04/03/2026"]


def test_the_twenty_ninth_of_february_is_a_date_in_leap_years_only(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"service_date": "2024-02-29"}, {"service_date": "2026-02-29"}))
    assert judged.rows_of("date-format") == [2]
