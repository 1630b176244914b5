"""Small files checked together have exactly the findings that each has alone."""

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from validations.engine import outcome
from validations.engine.options import Options
from validations.engine.outcome import Outcome, Wanted
from validations.engine.profile import load_profile
from validations.engine.sample import write_sample

TODAY = date(2026, 11, 22)
EVERYTHING = Wanted(limit=0, language="en")


def told(result: Outcome) -> dict[str, Any]:
    """What is said of a file, without what differs from time to time."""
    document = result.document()
    return {key: value for key, value in document.items() if key not in ("seconds", "peak_memory_bytes")}


def together(paths: list[Path], options: Options, profile: str = "quebec-medical") -> list[dict[str, Any]]:
    """What is said of each file when they are checked together."""
    files = [(path, EVERYTHING) for path in paths]
    return [told(result) for result in outcome.examine_all(files, load_profile(profile), options)]


def alone(paths: list[Path], options: Options, profile: str = "quebec-medical") -> list[dict[str, Any]]:
    """What is said of each file when it is the only one."""
    return [told(outcome.examine(path, load_profile(profile), options, EVERYTHING)) for path in paths]


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """The options of every check here."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Options(today=TODAY, temp_dir=folder)


@pytest.fixture
def samples(tmp_path: Path) -> list[Path]:
    """Files of 30 to 90 rows with many mistakes."""
    paths = [tmp_path / f"{seed}.csv" for seed in range(7)]
    for seed, path in enumerate(paths):
        write_sample(path, 30 + 10 * seed, 0.25 if seed else 0.0, seed, today=TODAY)
    return paths


def test_files_checked_together_have_the_findings_each_has_alone(
    samples: list[Path], options: Options
) -> None:
    assert together(samples, options) == alone(samples, options)


def test_the_same_file_twice_is_no_duplicate_of_itself(samples: list[Path], options: Options) -> None:
    first, second = together([samples[3], samples[3]], options)
    assert first == second == alone([samples[3]], options)[0]


def test_files_with_other_headers_dates_or_totals_are_checked_beside_the_others(
    samples: list[Path], tmp_path: Path, options: Options
) -> None:
    text = samples[0].read_text(encoding="cp1252")
    header, first, *rest = text.splitlines()
    variants = {
        "renamed": text.replace("Code;", "Acte;", 1),
        "missing-column": "\n".join(line.partition(";")[2] for line in text.splitlines()),
        "other-dates": text.replace("2026-09-03", "03/09/2026"),
        "total": f"{text}Grand Total;;;;;;;;;;;;;;999,99;;;;\n",
        "repeated": "\n".join([header, first, first, *rest]),
        "header-only": f"{header}\n",
        "prose": "Dear all,\nplease find the file attached.\n",
        "empty": "",
    }
    paths = [*samples[:2]]
    for name, content in variants.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(content, encoding="cp1252")
        paths.append(path)
    assert together(paths, options) == alone(paths, options)


@pytest.mark.parametrize("profile", ["invoice-lines", "professional-claims"])
def test_other_profiles_find_the_same_together(samples: list[Path], options: Options, profile: str) -> None:
    assert together(samples[:3], options, profile) == alone(samples[:3], options, profile)


def test_a_code_with_two_severities_is_counted_whole(samples: list[Path], options: Options) -> None:
    for result in alone(samples, options):
        assert result["findings"]["total"] == len(result["items"])


def test_a_missing_file_among_small_ones_is_reported_in_its_place(
    samples: list[Path], options: Options
) -> None:
    paths = [samples[1], samples[1].with_name("gone.csv"), samples[2]]
    results = together(paths, options)
    assert [result["readable"] for result in results] == [True, False, True]


def test_nothing_is_left_behind(samples: list[Path], options: Options) -> None:
    together(samples, options)
    assert list(options.temp_dir.iterdir()) == []


def test_known_codes_count_for_every_file(samples: list[Path], options: Options) -> None:
    few = dataclasses.replace(options, codes=frozenset({"15804"}))
    assert together(samples[:3], few) == alone(samples[:3], few)
