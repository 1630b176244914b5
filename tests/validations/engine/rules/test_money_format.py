"""Rule money-format."""

from tests.support.judging import JudgeRows, lines


def test_groups_and_the_dollar_sign_are_allowed(judge_rows: JudgeRows) -> None:
    amounts = ("1 234,56", "1\u00a0234,56 $", "1\u202f234,56\u00a0$", "0,00")
    judged = judge_rows(lines(*({"amount": text, "amount_paid": ""} for text in amounts)))
    assert [record["amount_cents"] for record in judged.records] == [123456, 123456, 123456, 0]
    assert judged.findings == []


def test_b09_a_point_for_the_comma_is_a_warning_with_the_fix(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"amount": "1022.75"}))
    (found,) = judged.of("money-format")
    assert (found["severity"], found["suggestion"], found["value"]) == ("warning", "1022,75", "1022.75")
    assert judged.records[0]["amount_cents"] == 102275


def test_b09_what_is_no_amount_is_refused_by_name_and_never_rounded(judge_rows: JudgeRows) -> None:
    wrong = {
        "47,055": "decimals", "1e400": "not-finite", "NaN": "not-finite", "-Infinity": "not-finite",
        "9" * 400: "too-long", "１２,00": "digits", "٤٧,٠٥": "digits", "12 €": None, "abc": None, "1.234,56": None,
        "1,234.56": None,
    }  # fmt: skip
    judged = judge_rows(lines(*({"amount": text} for text in wrong)))
    assert [f["params"]["case"] for f in judged.of("money-format")] == list(wrong.values())
    assert {f["severity"] for f in judged.of("money-format")} == {"error"}
    assert {record["amount_cents"] for record in judged.records} == {None}


def test_a_fix_is_proposed_only_where_one_amount_can_be_meant(judge_rows: JudgeRows) -> None:
    judged = judge_rows(
        lines({"amount": "47"}, {"amount": "47,5"}, {"amount": "1,234.56"}, {"amount": "47,055"})
    )
    assert [f["suggestion"] for f in judged.of("money-format")] == ["47,00", "47,50", "1234,56", None]
