"""The front door: phases, exports, progress, cancelling, nothing left behind."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from validations.engine.check import FINDING_COLUMNS, RECORD_COLUMNS, Check
from validations.engine.errors import EngineError, UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import load_profile
from validations.engine.sample import write_sample

QUEBEC = load_profile("quebec-medical")


class CancelledError(Exception):
    """Somebody pressed the button."""


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """Options with a folder that must be empty afterwards."""
    (tmp_path / "work").mkdir()
    return Options(today=date(2026, 3, 20), temp_dir=tmp_path / "work")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A small file with mistakes."""
    write_sample(tmp_path / "sample.csv", 400, 0.05, 1, today=date(2026, 3, 20))
    return tmp_path / "sample.csv"


def test_the_columns_of_the_reading_know_their_fields(sample: Path, options: Options) -> None:
    with Check(sample, QUEBEC, options) as check:
        reading = check.read()
    assert (reading.encoding, reading.delimiter, reading.rows) == ("cp1252", ";", 400)
    assert {column.how for column in reading.columns} == {"exact"}


def test_an_export_and_the_batches_hold_the_same_records(sample: Path, options: Options) -> None:
    with Check(sample, QUEBEC, options) as check:
        check.read()
        check.export_records(target := io.BytesIO())
        batches = list(check.record_batches(150))
    exported = list(csv.reader(io.StringIO(target.getvalue().decode())))
    assert [len(batch) for batch in batches] == [150, 150, 100]
    assert len(exported[0]) == len(RECORD_COLUMNS)
    assert [row[3] for row in exported] == [record[3] for batch in batches for record in batch]


def test_an_export_tells_empty_text_from_nothing(sample: Path, options: Options, tmp_path: Path) -> None:
    with Check(sample, QUEBEC, options) as check:
        check.read()
        check.export_records(tmp_path / "records.csv")
    first = (tmp_path / "records.csv").read_text(encoding="utf-8").splitlines()[0]
    assert ',"",' in first


def test_findings_come_by_line_and_code(sample: Path, options: Options) -> None:
    with Check(sample, QUEBEC, options) as check:
        check.read()
        summary = check.run_rules()
        check.export_findings(target := io.BytesIO())
        findings = [finding for batch in check.finding_batches(7) for finding in batch]
    order = [(finding[2] is not None, finding[2] or 0, finding[0]) for finding in findings]
    assert order == sorted(order)
    assert len(findings) == sum(summary.by_severity.values())
    assert len(list(csv.reader(io.StringIO(target.getvalue().decode())))) == len(findings)


def test_without_a_profile_only_the_structure_is_checked(tmp_path: Path, options: Options) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n4,5,6\n7,8\n", encoding="utf-8")
    with Check(tmp_path / "a.csv", None, options) as check:
        assert check.read().rows == 4
        summary = check.run_rules()
        findings = [finding for batch in check.finding_batches() for finding in batch]
        check.write_cleaned(tmp_path / "cleaned.csv")
        check.export_findings(target := io.BytesIO())
    assert [len(finding) for finding in findings] == [len(FINDING_COLUMNS)] * 2
    assert (summary.verdict, [finding[2] for finding in findings]) == ("refused", [3, 4])
    assert target.getvalue().count(b"\n") == 2


def test_a_header_without_rows_is_a_table_of_no_rows(tmp_path: Path, options: Options) -> None:
    (tmp_path / "a.csv").write_text("Facture;ID RAMQ;Code;Patient\n", encoding="utf-8")
    with Check(tmp_path / "a.csv", QUEBEC, options) as check:
        assert check.read().rows == 0
        summary = check.run_rules()
        assert list(check.record_batches()) == []
    assert {entry.code for entry in summary.by_code} == {"missing-label"}


def test_nothing_is_left_behind_when_reading_fails(tmp_path: Path, options: Options) -> None:
    (tmp_path / "a.csv").write_bytes(b"%PDF-1.7\n")
    with pytest.raises(UnreadableFileError), Check(tmp_path / "a.csv", QUEBEC, options) as check:
        check.read()
    assert list(options.temp_dir.iterdir()) == []


def test_progress_that_raises_cancels_and_leaves_nothing_behind(sample: Path, options: Options) -> None:
    def cancel(done: int, total: int | None) -> None:
        raise CancelledError

    with Check(sample, QUEBEC, options) as check:
        check.read()
        with pytest.raises(CancelledError):
            check.run_rules(cancel)
    assert list(options.temp_dir.iterdir()) == []


def test_progress_goes_up_to_the_number_of_rows(sample: Path, options: Options) -> None:
    told: list[int] = []
    with Check(sample, QUEBEC, options) as check:
        check.read()
        check.run_rules(lambda done, total: told.append(done))
    assert told == sorted(told)
    assert told[-1] == 400


def test_rules_before_reading_are_refused(sample: Path, options: Options) -> None:
    with pytest.raises(EngineError), Check(sample, QUEBEC, options) as check:
        check.run_rules()


def test_b06_and_b07_hostile_cells_are_kept_as_text(tmp_path: Path, options: Options) -> None:
    hostile = "=1+1') DROP TABLE typed -- {0.__class__} <script>"
    (tmp_path / "a.csv").write_text(f"Code;Patient;{hostile}\n15804;x;{hostile}\n", encoding="utf-8")
    with Check(tmp_path / "a.csv", QUEBEC, options) as check:
        check.read()
        ((record,),) = check.record_batches()
        check.run_rules()
        findings = [finding for batch in check.finding_batches() for finding in batch]
    assert hostile in record[-1]
    assert any(finding[5] == hostile for finding in findings)
