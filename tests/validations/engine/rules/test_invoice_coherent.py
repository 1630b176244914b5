"""Rule invoice-coherent."""

from tests.support.judging import JudgeRows, lines

ONE = {"invoice_number": "555555555", "patient": "TREM85010112 Tremblay, Jean"}


def test_lines_of_one_visit_agree(judge_rows: JudgeRows) -> None:
    assert (
        judge_rows(lines(ONE, ONE | {"code": "41501", "amount": "12,10", "amount_paid": ""})).findings == []
    )


def test_one_finding_an_invoice_names_the_column_and_all_lines(judge_rows: JudgeRows) -> None:
    other = ONE | {"patient": "COTE85010112 Côté, Jean"}
    judged = judge_rows(lines(ONE, ONE | {"code": "41501"}, other | {"code": "15837"}))
    (found,) = judged.of("invoice-coherent")
    assert (found["row"], found["field"], found["params"]["lines"]) == (3, "patient", [2, 3, 4])


def test_the_amounts_of_all_its_lines_are_at_stake(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(ONE, ONE | {"service_date": "2026-03-03"}, {}))
    assert judged.summary.amount_at_stake_cents == 2 * 2275
    assert judged.summary.amount_accepted_cents == 2275


def test_the_same_number_with_another_name_behind_it_is_the_same_patient(judge_rows: JudgeRows) -> None:
    other = ONE | {"patient": "TREM85010112 Tremblay, J.", "code": "41501"}
    assert judge_rows(lines(ONE, other)).of("invoice-coherent") == []
