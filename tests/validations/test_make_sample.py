"""The command that writes a sample."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command


def test_the_file_and_the_truth_about_it_are_written(tmp_path: Path) -> None:
    file, truth = tmp_path / "a.csv", tmp_path / "a.json"
    call_command(
        "make_sample", "300", "--errors", "0.1", "--seed", "3", "--today", "2026-03-20",
        "--output", str(file), "--truth", str(truth),
    )  # fmt: skip
    told = json.loads(truth.read_text(encoding="utf-8"))
    assert told["rows"] == 300
    assert {"code", "line", "field"} == set(told["errors"][0])
    assert max(error["line"] for error in told["errors"]) <= file.read_bytes().count(b"\n")


def test_without_a_file_the_sample_goes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    call_command("make_sample", "5", "--errors", "0", "--seed", "1")
    assert capfdbinary.readouterr().out.count(b"\r\n") == 6


@pytest.mark.parametrize("wrong", [["-3"], ["5", "--errors", "2"], ["5", "--today", "tomorrow"], ["x"]])
def test_wrong_arguments_are_refused(wrong: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("make_sample", *wrong)
