"""A finding has the same key in two files when it is the same fault of the same record."""

from collections.abc import Mapping

import duckdb

from tests.support.judging import JudgeRows, judge_table, lines
from validations.engine.profile import Profile

KEYED = Profile.from_descriptor(
    {
        "name": "p",
        "fields": [
            {"name": "id", "constraints": {"required": True}},
            {"name": "n", "type": "integer"},
            {"name": "m", "type": "integer"},
        ],
        "primaryKey": ["id"],
    }
)


def keys(judge_rows: JudgeRows, *rows: Mapping[str, str | None], profile: Profile = KEYED) -> list[int]:
    return [finding["key"] for finding in judge_rows(list(rows), profile=profile).findings]


def test_the_same_fault_of_the_same_record_has_the_same_key_in_another_file() -> None:
    found = []
    for rows in (
        [{"id": "a", "n": "x"}, {"id": "b", "n": "1"}],
        [{"id": "c", "n": "1"}, {"id": "b", "n": "2"}, {"id": " a", "n": "y"}],
    ):
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            judged = judge_table(connection, rows, profile=KEYED)
        found.append([finding["key"] for finding in judged.of("type-error")])
    assert found[0] == found[1]
    assert len(found[0]) == 1


def test_another_field_another_record_and_another_rule_have_other_keys(judge_rows: JudgeRows) -> None:
    found = keys(judge_rows, {"id": "a", "n": "x", "m": "x"}, {"id": "b", "n": "x", "m": "1"})
    assert len(set(found)) == 3


def test_equal_faults_of_one_record_are_counted_one_by_one(judge_rows: JudgeRows) -> None:
    judged = judge_rows(
        lines({"record_id": "12345678901", "place": "x"}, {"record_id": "12345678901", "place": "x"})
    )
    found = [finding["key"] for finding in judged.of("constraint-error")]
    assert len(set(found)) == 2


def test_a_record_without_a_key_is_known_by_its_whole_row(judge_rows: JudgeRows) -> None:
    found = keys(judge_rows, {"id": "", "n": "x", "m": "1"}, {"id": "", "n": "x", "m": "2"})
    assert len(found) == 4
    assert len(set(found)) == 4


def test_findings_of_the_whole_file_have_a_key_too(judge_rows: JudgeRows) -> None:
    judged = judge_rows([row | {"Note": "x"} for row in lines({})])
    assert [finding["key"] > 0 for finding in judged.of("extra-label")] == [True]
