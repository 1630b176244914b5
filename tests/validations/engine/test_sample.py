"""The sample generator, and with it every rule: exactly what was planted is found."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from validations.engine.check import Check
from validations.engine.options import Options
from validations.engine.profile import load_profile
from validations.engine.rules import all_rules
from validations.engine.sample import ENCODING, LABELS, Layout, Truth, write_sample

TODAY = date(2026, 3, 20)
Places = Counter[tuple[str, int, str | None]]


def found(path: Path) -> Places:
    """Code, line and field of every finding."""
    with Check(path, load_profile("quebec-medical"), Options(today=TODAY)) as check:
        check.read()
        check.run_rules()
        findings = [finding for batch in check.finding_batches() for finding in batch]
    return Counter((finding[0], finding[2], finding[6] or None) for finding in findings)


def planted(truth: Truth) -> Places:
    """Code, line and field of every planted mistake."""
    return Counter((entry.code, entry.line, entry.field) for entry in truth.planted)


@pytest.mark.parametrize("layout", get_args(Layout))
@pytest.mark.parametrize("seed", [1, 2])
def test_a_clean_sample_has_no_finding(tmp_path: Path, seed: int, layout: Layout) -> None:
    truth = write_sample(tmp_path / "a.csv", 1500, 0, seed, today=TODAY, layout=layout)
    assert truth.rows == 1500
    assert found(tmp_path / "a.csv") == Counter()


@pytest.mark.parametrize("layout", get_args(Layout))
@pytest.mark.parametrize("seed", [3, 4, 5, 6])
def test_exactly_the_planted_mistakes_are_found(tmp_path: Path, seed: int, layout: Layout) -> None:
    truth = write_sample(tmp_path / "a.csv", 3000, 0.1, seed, today=TODAY, layout=layout)
    assert found(tmp_path / "a.csv") == planted(truth)


def test_every_rule_that_judges_lines_is_planted(tmp_path: Path) -> None:
    truth = write_sample(tmp_path / "a.csv", 3000, 0.1, 7, today=TODAY)
    codes = {entry.code for entry in truth.planted}
    # A line billed already takes a second file; the two others are off, and about the file as a whole.
    assert set(all_rules()) - codes == {"already-billed", "period", "totals"}
    assert {
        "extra-cell",
        "missing-cell",
        "blank-row",
        "stray-quote",
        "type-error",
        "constraint-error",
    } <= codes


def test_the_rate_is_kept(tmp_path: Path) -> None:
    truth = write_sample(tmp_path / "a.csv", 20_000, 0.01, 8, today=TODAY)
    assert 190 <= len(truth.planted) <= 200


def test_the_same_seed_makes_the_same_file(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_sample(tmp_path / name, 300, 0.05, seed, today=TODAY)
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second != other


def test_the_file_has_the_habits_of_the_export(tmp_path: Path) -> None:
    write_sample(tmp_path / "a.csv", 500, 0, 1, today=TODAY)
    data = (tmp_path / "a.csv").read_bytes()
    header, *rows = data.decode(ENCODING).split("\r\n")
    assert header.split(";") == list(LABELS.values())
    assert len(rows) == 501
    assert any(ord(letter) > 127 for letter in rows[0])
