"""The engine against other validators with the same or equivalent checks, and the floor of csv.reader, in one run.

`python -m benchmarks.engine [ROWS]`: a generated file of ROWS rows (1,000,000) and 12 columns in Latin-1 with 1 %
errors, all checks on, every finding written. frictionless is measured on 20,000 rows and scaled, because it takes
minutes a million; pandera and Great Expectations, from the peers' environment, check the same columns by type and
pattern. Then a folder of small files in one call, with the profile and without, against opening each with
csv.reader.

`python -m benchmarks.engine compare LARGE SMALL`: the same on files that are there.
`python -m benchmarks.engine small-files`: only the small files.
`python -m benchmarks.engine memory [MB...]`: the peak at 1, 5 and 10 million rows and of a wide table, under DuckDB's
memory limit of the settings or under each one named; takes minutes.
"""

import csv
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, run_module
from benchmarks.throughput import peers_python

if TYPE_CHECKING:
    from validations.engine.options import Options

ROWS = 1_000_000
FRICTIONLESS_ROWS = 20_000
MEMORY_ROWS = (1_000_000, 5_000_000, 10_000_000)
PEERS = ("pandera-polars", "pandera-pandas", "great-expectations")
WIDE_COLUMNS, WIDE_ROWS = 500, 20_000
SMALL_FILES = 2_000
# Every so many files one has this many rows more: 20 to 200.
SMALL_ROWS = range(20, 201, 20)
TODAY = date(2026, 11, 22)
SEED = 7


def main() -> None:
    """Print the figures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="bench-engine-") as folder:
        large, small = Path(folder) / "large.csv", Path(folder) / "small.csv"
        run_module("benchmarks.engine", "make", str(large), str(rows))
        run_module("benchmarks.engine", "make", str(small), str(FRICTIONLESS_ROWS))
        _compare(large, small, rows)
    _small_files()


def _compare(large: Path, small: Path, rows: int) -> None:
    """Print what a large file costs every validator; frictionless has a small one."""
    python, checks = str(peers_python()), json.dumps(_cell_checks())
    floor = run_module("benchmarks.engine", "floor", str(large))
    ours = run_module("benchmarks.engine", "ours", str(large))
    theirs = run_module("benchmarks.engine", "frictionless", str(small))
    start = run_module("benchmarks.engine", "nothing", str(small))
    size_mb = large.stat().st_size / 1e6
    peers = {
        name: run_module("benchmarks.peers.validators", name, str(large), checks, python=python)
        for name in PEERS
    }
    scaled = (theirs.cpu_seconds - start.cpu_seconds) * rows / FRICTIONLESS_ROWS
    print(f"file: {rows:,} rows, {size_mb:.0f} MB; findings: {ours.output.strip()}")
    _print("csv.reader (floor)", floor, rows)
    _print("engine, all checks", ours, rows)
    print(f"frictionless, scaled from {FRICTIONLESS_ROWS:,} rows: {scaled:.1f} s CPU")
    print(f"ratio frictionless / engine: {scaled / ours.cpu_seconds:.1f} (at least 60)")
    for name, cost in peers.items():
        _print(f"{name}, {int(cost.output.split()[-1]):,} cells found", cost, rows)
    print(f"ratio engine / csv.reader: {ours.cpu_seconds / floor.cpu_seconds:.2f}")


def _small_files() -> None:
    """Print what a folder of small files costs in one call."""
    with tempfile.TemporaryDirectory(prefix="bench-small-") as folder:
        run_module("benchmarks.engine", "make-small", folder)
        for name, part in (
            ("csv.reader (floor)", "floor-small"),
            ("structure only", "small-none"),
            ("with the profile", "small"),
        ):
            cost = run_module("benchmarks.engine", part, folder)
            print(
                f"{SMALL_FILES:,} small files, {name}: {cost.cpu_seconds:.2f} s CPU, {cost.wall_seconds:.2f} s wall, "
                f"{cost.peak_bytes / 2**20:.0f} MiB peak, {cost.output.strip()} rows or findings"
            )


def _memory(limits_mb: list[str]) -> None:
    """Print the peak memory of a large, of a very large and of a wide file, limit by limit."""
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        path = Path(folder) / "file.csv"
        for rows in MEMORY_ROWS:
            run_module("benchmarks.engine", "make", str(path), str(rows))
            for limit in limits_mb:
                cost = run_module("benchmarks.engine", "ours", str(path), limit)
                _print(f"{limit} MB, {rows:,} rows", cost, rows)
        run_module("benchmarks.engine", "make-wide", str(path))
        for limit in limits_mb:
            cost = run_module("benchmarks.engine", "wide", str(path), limit)
            outcome = cost.output.strip()
            _print(f"{limit} MB, {WIDE_COLUMNS} columns x {WIDE_ROWS:,} rows: {outcome}", cost, WIDE_ROWS)


def _print(name: str, cost: Cost, rows: int) -> None:
    print(
        f"{name}: {cost.cpu_seconds:.2f} s CPU, {cost.wall_seconds:.2f} s wall, "
        f"{cost.peak_bytes / 2**20:.0f} MiB peak, {rows / cost.wall_seconds:,.0f} rows/s"
    )


def _make(path: Path, rows: int) -> None:
    from validations.engine.sample import write_sample

    write_sample(path, rows, 0.01, SEED, today=TODAY, layout="compact")


def _floor(path: Path) -> int:
    with path.open(encoding="latin-1", newline="") as stream:
        return sum(1 for _ in csv.reader(stream, delimiter=";"))


def _make_wide(path: Path) -> int:
    """The columns of the profile, and beside them as many as make up WIDE_COLUMNS."""
    _make(path, WIDE_ROWS)
    first, *lines = path.read_text(encoding="latin-1").splitlines()
    others = range(WIDE_COLUMNS - len(first.split(";")))
    with path.open("w", encoding="latin-1") as stream:
        stream.write(first + "".join(f";column {number}" for number in others) + "\n")
        for row, line in enumerate(lines):
            stream.write(line + "".join(f";{(row * 31 + number) % 9973:06d}" for number in others) + "\n")
    return WIDE_ROWS


def _wide(path: Path, memory_limit_mb: int) -> str:
    """How a table of many columns ends: the number of its findings, or the reason in words."""
    from validations.engine import outcome
    from validations.engine.profile import load_profile

    profile = load_profile("quebec-medical")
    result = outcome.examine(path, profile, _options(memory_limit_mb), outcome.Wanted(1, "en"))
    return result.error or f"{sum(result.by_code.values())} findings"


def _options(memory_limit_mb: int | None) -> "Options":
    from validations.engine.options import Options

    options = Options(today=TODAY)
    return replace(options, memory_limit_mb=memory_limit_mb) if memory_limit_mb else options


def _ours(path: Path, memory_limit_mb: int | None = None) -> int:
    from validations.engine.check import Check
    from validations.engine.profile import load_profile

    found = 0
    with Check(path, load_profile("quebec-medical"), _options(memory_limit_mb)) as check:
        check.read(None)
        check.run_rules(None)
        with tempfile.NamedTemporaryFile("w") as output:
            for batch in check.finding_batches(5000):
                found += len(batch)
                output.writelines(json.dumps([str(value) for value in row]) + "\n" for row in batch)
    return found


def _make_small(folder: Path) -> int:
    from validations.engine.sample import write_sample

    for number in range(SMALL_FILES):
        rows = SMALL_ROWS[number % len(SMALL_ROWS)]
        write_sample(folder / f"{number:04d}.csv", rows, 0.01, SEED + number, today=TODAY)
    return SMALL_FILES


def _floor_small(folder: Path) -> int:
    return sum(map(_floor, folder.iterdir()))


def _small(folder: Path, profile_name: str | None = "quebec-medical") -> int:
    from validations.engine import outcome
    from validations.engine.options import Options
    from validations.engine.profile import load_profile

    profile = load_profile(profile_name) if profile_name else None
    files = ((path, outcome.Wanted(0, "en")) for path in sorted(folder.iterdir()))
    results = outcome.examine_all(files, profile, Options(today=TODAY))
    return sum(sum(result.by_code.values()) for result in results)


def _small_none(folder: Path) -> int:
    return _small(folder, None)


def _frictionless(path: Path) -> int:
    from frictionless import Checklist, Detector, Dialect, Resource, Schema
    from frictionless.formats import CsvControl

    resource = Resource(
        path=path.name,
        basepath=str(path.parent),
        encoding="latin-1",
        dialect=Dialect(controls=[CsvControl(delimiter=";")]),
        schema=Schema.from_descriptor(_table_schema()),
        detector=Detector(schema_sync=True),
    )
    report = resource.validate(Checklist(pick_errors=[]), limit_errors=10_000_000)
    return sum(len(task.errors) for task in report.tasks)


def _table_schema() -> dict[str, object]:
    """The shipped profile as plain Table Schema: the same columns, types and constraints."""
    from validations.engine.profile import load_profile

    known = ("type", "constraints", "decimalChar", "groupChar")
    fields = [
        {"name": field["title"], **{key: field[key] for key in known if key in field}}
        for field in load_profile("quebec-medical").descriptor["fields"]
    ]
    return {"fields": fields, "missingValues": [""]}


def _cell_checks() -> list[tuple[str, bool, str]]:
    """The compact columns of the profile by label, whether required, and what a cell must fit: its type or pattern."""
    from validations.engine.profile import load_profile
    from validations.engine.sample import COMPACT

    shapes = {
        "date": "[12][0-9]{3}-[0-9]{2}-[0-9]{2}",
        "time": "([01][0-9]|2[0-3]):[0-5][0-9]",
        "number": "-?[0-9]{1,13}(,[0-9]{1,2})?",
    }
    fields = load_profile("quebec-medical").by_name()
    return [
        (field.label, field.constraints.required, field.constraints.pattern or shapes.get(field.type, ".*"))
        for field in map(fields.__getitem__, COMPACT)
    ]


def _nothing(path: Path) -> int:
    """What starting costs before the first row."""
    return path.stat().st_size and len(_table_schema())


_PARTS = {
    "floor": _floor,
    "ours": _ours,
    "frictionless": _frictionless,
    "nothing": _nothing,
    "make-small": _make_small,
    "floor-small": _floor_small,
    "small": _small,
    "small-none": _small_none,
    "make-wide": _make_wide,
}
# Parts that take DuckDB's memory limit too.
_LIMITED: dict[str, Callable[[Path, int], object]] = {"ours": _ours, "wide": _wide}

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path, count]:
            _make(Path(path), int(count))
        case ["memory", *limits_mb]:
            _memory(limits_mb or [str(_options(None).memory_limit_mb)])
        case ["ours" | "wide" as part, path, limit_mb]:
            print(_LIMITED[part](Path(path), int(limit_mb)))
        case ["compare", large_file, small_file]:
            _compare(Path(large_file), Path(small_file), ROWS)
        case ["small-files"]:
            _small_files()
        case [part, path] if part in _PARTS:
            print(_PARTS[part](Path(path)))
        case _:
            main()
