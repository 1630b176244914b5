"""Counts by rule, column and value agree with the findings themselves."""

from collections import Counter

from tests.support.judging import JudgeRows, lines
from validations.engine.facets import VALUES_OF_COLUMN


def test_counts_by_column_are_those_of_the_findings(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"amount": "12.50"}, {"amount": "x", "place": "5"}, {"invoice_number": ""}))
    expected = Counter((f["code"], f["severity"], f["column_index"]) for f in judged.findings)
    counted = {(c.code, c.severity, c.column_index): c.count for c in judged.summary.by_column}
    assert counted == expected


def test_only_cells_with_a_proposed_text_count_as_fixes(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"amount": "12.50"}, {"amount": "13.50"}, {"amount": "x"}))
    fixes = {(c.code, c.severity): c.fixes for c in judged.summary.by_column}
    assert (fixes["money-format", "warning"], fixes["money-format", "error"]) == (2, 0)


def test_the_most_frequent_values_of_a_column_come_first(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"amount": "a"}, {"amount": "b"}, {"amount": "b"}))
    counted = [(v.value, v.count) for v in judged.summary.by_value if v.code == "money-format"]
    assert counted == [("b", 2), ("a", 1)]


def test_of_many_values_only_the_first_are_listed_and_all_are_counted(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(*({"amount": f"x{number}"} for number in range(VALUES_OF_COLUMN + 5))))
    (column,) = [c for c in judged.summary.by_column if c.code == "money-format"]
    listed = [v for v in judged.summary.by_value if v.code == "money-format"]
    assert (column.values, len(listed)) == (VALUES_OF_COLUMN + 5, VALUES_OF_COLUMN)
