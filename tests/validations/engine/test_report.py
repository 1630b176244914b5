"""What a file comes to."""

from tests.support.judging import JudgeRows, lines, settings
from validations.engine.report import BUCKETS, summarize_structure, verdict


def test_a_right_file_is_accepted_whole(judge_rows: JudgeRows) -> None:
    summary = judge_rows(lines({}, {})).summary
    assert (summary.verdict, summary.rows, summary.rows_checked, summary.rows_with_errors) == (
        "accepted",
        2,
        2,
        0,
    )
    assert (summary.amount_total_cents, summary.amount_accepted_cents, summary.amount_at_stake_cents) == (
        4550,
        4550,
        0,
    )


def test_a_row_with_several_errors_is_at_stake_once(judge_rows: JudgeRows) -> None:
    summary = judge_rows(lines({"code": "99999", "units": "x", "context": "ZZZ9"}, {})).summary
    assert summary.by_severity["error"] == 3
    assert (summary.rows_with_errors, summary.amount_at_stake_cents) == (1, 2275)


def test_warnings_put_nothing_at_stake(judge_rows: JudgeRows) -> None:
    summary = judge_rows(lines({"place": "59998"}, {})).summary
    assert (summary.verdict, summary.amount_at_stake_cents) == ("accepted_with_warnings", 0)
    assert summary.by_code[0].amount_cents == 2275


def test_rows_left_out_of_a_rule_are_counted_by_rule_and_once_in_all(judge_rows: JudgeRows) -> None:
    summary = judge_rows(lines({"service_date": "x", "amount": "x"}, {})).summary
    assert summary.not_checked["date-window"] == 1
    assert summary.not_checked["money-range"] == 1
    assert "sequence" not in summary.not_checked
    assert (summary.rows_not_checked, summary.rows_checked) == (1, 1)


def test_a_rule_without_its_columns_says_which_are_missing(judge_rows: JudgeRows) -> None:
    rows = [{name: text for name, text in row.items() if name != "amount_paid"} for row in lines({})]
    summary = judge_rows(rows).summary
    assert summary.missing_fields["paid"] == ("amount_paid",)


def test_a_rule_that_fails_does_not_stop_the_others(judge_rows: JudgeRows) -> None:
    profile = settings(time_order={"evening": "no time at all"})
    judged = judge_rows(
        lines({"place": "59998", "start_time": "21:00", "end_time": "20:30"}), profile=profile
    )
    assert judged.summary.broken == ("time-order",)
    assert judged.codes == {"rule-failed", "place-known"}


def test_codes_are_told_with_count_rows_amount_and_three_examples(judge_rows: JudgeRows) -> None:
    summary = judge_rows(lines(*[{"place": "59998"}] * 5)).summary
    (entry,) = summary.by_code
    assert (entry.code, entry.count, entry.rows, entry.amount_cents) == ("place-known", 5, 5, 5 * 2275)
    assert [example.line for example in entry.examples] == [2, 3, 4]


def test_the_chart_counts_every_finding_once(judge_rows: JudgeRows) -> None:
    (entry,) = judge_rows(lines(*[{"place": "59998"}] * 5)).summary.by_code
    assert len(entry.lines) == BUCKETS
    assert sum(entry.lines) == 5


def test_a_warning_and_an_error_of_one_rule_are_told_apart(judge_rows: JudgeRows) -> None:
    summary = judge_rows(lines({"service_date": "2025-01-06"}, {"service_date": "2027-01-05"})).summary
    assert [(e.code, e.severity) for e in summary.by_code] == [
        ("date-window", "error"),
        ("date-window", "warning"),
    ]


def test_structure_alone_is_summed_up_without_a_database() -> None:
    found = [
        ("missing-cell", "error", 1, 2, None, "", "{}", None),
        ("missing-cell", "error", 1, 2, None, "", "{}", None),
        ("blank-row", "warning", None, 5, None, "", "{}", None),
    ]
    summary = summarize_structure(found, rows=9, last_line=10)
    assert (summary.verdict, summary.rows_with_errors) == ("refused", 1)
    assert [(entry.code, entry.count) for entry in summary.by_code] == [("missing-cell", 2), ("blank-row", 1)]


def test_the_verdict_follows_the_gravest_finding() -> None:
    assert verdict({"error": 0, "warning": 0, "info": 9}) == "accepted"
    assert verdict({"error": 0, "warning": 1}) == "accepted_with_warnings"
    assert verdict({"error": 1, "warning": 1}) == "refused"
