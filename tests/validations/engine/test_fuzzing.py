"""Files spoilt by chance, with fixed seeds: each is read or refused in words, and leaves nothing behind."""

import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.mutations import mutated, mutated_workbook
from tests.support.pollution.table import EXPORT_HEADER, Style, export_rows, text_of
from tests.support.workbooks import ods, xlsx
from validations.engine.check import Check
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Limits, Options
from validations.engine.profile import load_profile

FILES = 400
FILES_OF_A_TEST = 20
# With the profile the whole of DuckDB comes along, which takes ten times as long.
CHECKED_WITH_PROFILE = 10
# Far more than a small file takes on a busy machine; what is not back by then hangs.
PATIENCE_SECONDS = 60
TYPED: Sequence[Sequence[Any]] = [
    ["Facture", "Date de Service", "Début", "Montant Preliminaire", "Note"],
    *([123456789 + n, date(2025, 1, n + 1), time(8, 30), 47.1 + n, f"vu\n{n}"] for n in range(6)),
]
EXPORT = [EXPORT_HEADER, *export_rows(20)]
SEEDLINGS: Sequence[tuple[str, bytes, Callable[[bytes, random.Random], bytes]]] = (
    ("csv", text_of(EXPORT).encode("cp1252"), mutated),
    ("csv", text_of(EXPORT, Style(",", everything=True)).encode("utf-8-sig"), mutated),
    ("csv", text_of(EXPORT, Style("\t", escape='\\"')).encode("utf-16"), mutated),
    ("xlsx", xlsx(TYPED, merged=["E2:E3"]), mutated_workbook),
    ("ods", ods(TYPED), mutated_workbook),
)


@contextmanager
def ends_in_time() -> Iterator[None]:
    """Breaks off what hangs."""

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(path: Path, number: int, folder: Path) -> str:
    """Go the whole way with one file, as a worker does; why it was refused, or that it was read."""
    profile = load_profile("quebec-medical") if number % CHECKED_WITH_PROFILE == 0 else None
    limits = Limits(workbook_bytes=8 * 1024 * 1024, workbook_cells=100_000)
    try:
        with Check(path, profile, Options(temp_dir=folder, limits=limits, today=date(2025, 6, 1))) as check:
            reading = check.read()
            rows = sum(len(batch) for batch in check.record_batches())
            assert rows == (reading.rows if profile else 0)
            summary = check.run_rules()
            assert sum(len(batch) for batch in check.finding_batches()) == sum(summary.by_severity.values())
    except UnreadableFileError as error:
        return error.sentence("fr")
    return "read"


@pytest.mark.parametrize("first", range(0, FILES, FILES_OF_A_TEST))
def test_c06_b01_b02_b03_a_file_spoilt_by_chance_is_read_or_refused_and_leaves_nothing(
    tmp_path: Path, first: int
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for number in range(first, first + FILES_OF_A_TEST):
        kind, data, spoil = SEEDLINGS[number % len(SEEDLINGS)]
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(spoil(data, random.Random(number)))  # noqa: S311 (a seed, so that a failure can be repeated)
        with ends_in_time():
            assert outcome(path, number, work)
        assert list(work.iterdir()) == []
