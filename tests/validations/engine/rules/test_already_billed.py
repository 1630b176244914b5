"""Rule already-billed."""

import pytest

from tests.support.judging import GOOD, JudgeRows, lines, past_run, settings


def test_a_record_that_no_earlier_run_holds_is_right(judge_rows: JudgeRows) -> None:
    earlier = [(past_run(), lines({"record_id": "99999999999"}))]
    assert judge_rows(lines({}), earlier=earlier).findings == []


def test_a_record_of_an_earlier_run_names_its_file_day_and_line(judge_rows: JudgeRows) -> None:
    earlier = [(past_run(1), lines({"record_id": "99999999999"}, {})), (past_run(2), lines({}, {}))]
    judged = judge_rows(lines({}, {}, {}), earlier=earlier)
    first, second = judged.of("already-billed")
    assert (first["row"], first["severity"], first["params"]["file"]) == (1, "error", "file2.csv")
    assert (second["row"], second["params"]["file"], second["params"]["earlier_line"]) == (2, "file1.csv", 3)
    assert second["params"]["day"] == "2026-02-01"


@pytest.mark.parametrize("field", ["record_id", "code", "service_date", "start_time", "patient", "provider"])
def test_a_record_that_differs_in_one_part_of_the_key_is_another_one(
    judge_rows: JudgeRows, field: str
) -> None:
    other = {
        "record_id": "12345678999", "code": "9751", "service_date": "2026-03-03", "start_time": "08:00:00",
        "patient": "COTE85010112 Côté, Luc", "provider": "1632085-12345",
    }  # fmt: skip
    earlier = [(past_run(), [{**GOOD, **lines({})[0], field: other[field]}])]
    assert judge_rows(lines({}), earlier=earlier).of("already-billed") == []


def test_names_behind_the_numbers_of_patient_and_provider_do_not_count(judge_rows: JudgeRows) -> None:
    earlier = [(past_run(), lines({"patient": "TREM85010110", "provider": "1632084"}))]
    assert judge_rows(lines({}), earlier=earlier).rows_of("already-billed") == [1]


def test_a_refused_file_was_not_billed_unless_the_profile_counts_it(judge_rows: JudgeRows) -> None:
    earlier = [(past_run(is_refused=True), lines({}))]
    assert judge_rows(lines({}), earlier=earlier).findings == []


def test_a_profile_may_count_refused_files(judge_rows: JudgeRows) -> None:
    earlier = [(past_run(is_refused=True), lines({}))]
    profile = settings(already_billed={"refused_too": 1})
    assert judge_rows(lines({}), earlier=earlier, profile=profile).rows_of("already-billed") == [1]


def test_no_message_parameter_holds_the_patient_or_the_record(judge_rows: JudgeRows) -> None:
    (found,) = judge_rows(lines({}), earlier=[(past_run(), lines({}))]).findings
    assert "TREM" not in str(found["params"])
    assert "12345678901" not in str(found["params"])
