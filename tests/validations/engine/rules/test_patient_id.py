"""Rule patient-id."""

from tests.support.judging import JudgeRows, lines


def test_months_of_both_sexes_and_padded_names_are_right(judge_rows: JudgeRows) -> None:
    patients = (
        "TREM85010112 Tremblay, Jean",
        "LEXZ85620112 Lê, Zoé",
        "STPA85513112 St-Pierre, Anne",
        "COTE85010112",
    )
    assert judge_rows(lines(*({"patient": text} for text in patients))).findings == []


def test_impossible_numbers_are_errors(judge_rows: JudgeRows) -> None:
    wrong = (
        "TREM85130112 Tremblay",
        "TREM85500112 Tremblay",
        "TREM85013212 Tremblay",
        "TRE850101123",
        "12345678",
    )
    judged = judge_rows(lines(*({"patient": text} for text in wrong)))
    assert [(f["severity"], f["params"]["case"]) for f in judged.of("patient-id")] == [
        ("error", "birth"),
        ("error", "birth"),
        ("error", "birth"),
        ("error", None),
        ("error", None),
    ]


def test_letters_of_another_name_are_a_warning(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"patient": "TREM85010112 Côté, Jean"})).of("patient-id")
    assert (found["severity"], found["params"]["case"]) == ("warning", "name")


def test_a_number_in_groups_gets_its_plain_form_as_the_fix(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"patient": "trem 8501 0112"})).of("patient-id")
    assert found["suggestion"] == "TREM85010112"


def test_no_message_parameter_holds_the_patient(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"patient": "TREM85130112 Marqué"}, {"patient": "TREM85010112 Marqué"}))
    assert "Marqué" not in str([finding["params"] for finding in judged.findings])
