"""Rule overlap."""

from tests.support.judging import JudgeRows, lines


def visit(start: str, end: str) -> dict[str, str]:
    return {"start_time": start, "end_time": end}


def test_a_visit_that_begins_when_another_ends_does_not_overlap(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(visit("09:00", "09:20"), visit("09:20", "09:40"))).findings == []


def test_a_visit_within_a_longer_one_names_its_line(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines(visit("09:00", "09:29"), visit("09:05", "09:10"), visit("09:15", "09:20")))
    assert [(f["row"], f["severity"], f["params"]["other_line"]) for f in judged.of("overlap")] == [
        (2, "warning", 2),
        (3, "warning", 2),
    ]


def test_lines_of_the_same_patient_do_not_overlap(judge_rows: JudgeRows) -> None:
    same = visit("09:00", "09:20") | {"patient": "TREM85010112 Tremblay, Jean"}
    assert judge_rows(lines(same, same | {"code": "41501"})).of("overlap") == []
