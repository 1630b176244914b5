"""Rule code-known."""

from tests.support.judging import TODAY, JudgeRows, lines
from validations.engine.options import Options


def test_a_code_of_the_tariff_is_known(judge_rows: JudgeRows) -> None:
    assert judge_rows(lines({"code": "9751"})).findings == []


def test_an_unknown_code_names_the_nearest_one_where_there_is_one(judge_rows: JudgeRows) -> None:
    judged = judge_rows(lines({"code": "20124"}, {"code": "99999"}))
    assert [f["params"]["nearest"] for f in judged.of("code-known")] == ["20123", None]
    assert [f["suggestion"] for f in judged.of("code-known")] == ["20123", None]


def test_a_code_no_longer_valid_on_the_day_says_so(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({"code": "30512"})).of("code-known")
    assert found["params"]["case"] == "expired"
    assert found["suggestion"] is None


def test_a_list_of_codes_replaces_the_tariff(judge_rows: JudgeRows) -> None:
    options = Options(today=TODAY, codes=frozenset({"77777"}))
    judged = judge_rows(lines({"code": "77777"}, {"code": "9751"}), options=options)
    assert judged.rows_of("code-known") == [2]


def test_a_code_is_known_on_the_last_day_of_its_validity_and_not_on_the_next(judge_rows: JudgeRows) -> None:
    judged = judge_rows(
        lines(
            {"code": "30512", "service_date": "2019-12-31"}, {"code": "30512", "service_date": "2020-01-01"}
        )
    )
    assert judged.rows_of("code-known") == [2]
