"""Rule units-maximum."""

from tests.support.judging import JudgeRows, lines

ACT = {"code": "15838", "patient": "TREM85010112 Tremblay, Jean"}


def test_as_many_units_as_the_tariff_allows_are_right(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines(ACT, ACT)).of("units-maximum") == []


def test_units_of_several_lines_are_added(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines(ACT, ACT | {"units": "1,5"})).of("units-maximum")
    assert (found["row"], found["params"]["units"], found["params"]["lines"]) == (2, 2.5, [2, 3])
