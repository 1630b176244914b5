"""The same findings as frictionless-py on the same file and Table Schema, or a difference that is written down."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.oracle import DIFFERENCES, KEY_DIFFERENCES, Case, compare
from tests.support.oracle_cases import cases
from tests.support.processes import ROOT

# `python -m benchmarks.oracle` compares ten thousand.
CASES = 300


@settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(case=cases())
def test_each_finding_is_frictionless_own_or_a_difference_in_the_list(tmp_path: Path, case: Case) -> None:
    assert compare(case, tmp_path).unexplained == []


def test_the_comparison_sees_a_finding_that_only_one_of_them_makes(tmp_path: Path) -> None:
    field = {"name": "x"}
    words = {"missingValues": [""]}
    whole = {"fields": [{"name": "id"}, {**field, "type": "integer"}], **words}
    case = Case(whole, (("row1", "a"), ("row2", "1 2")))
    comparison = compare(case, tmp_path)
    assert (comparison.findings, comparison.unexplained) == (2, [])
    lenient = Case({"fields": [{"name": "id"}, {**field, "type": "year"}], **words}, (("row1", "+202"),))
    assert compare(lenient, tmp_path).explained == ["year-form"]


@pytest.mark.parametrize("name", [*DIFFERENCES, *KEY_DIFFERENCES])
def test_each_difference_has_its_reason_in_the_documentation(name: str) -> None:
    assert f"| `{name}` |" in (ROOT / "docs" / "table-schema.md").read_text(encoding="utf-8")
