"""The engine against frictionless-py with the same schema, and against the floor of csv.reader, in one run.

`python -m benchmarks.engine [ROWS]`: a generated file of ROWS rows (1,000,000) and 12 columns in Latin-1 with 1 %
errors, all checks on, every finding written. frictionless is measured on 20,000 rows and scaled, because it takes
minutes a million.
"""

import csv
import json
import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.measure import Cost, run_module

ROWS = 1_000_000
FRICTIONLESS_ROWS = 20_000
TODAY = date(2026, 11, 22)
SEED = 7


def main() -> None:
    """Print the figures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="bench-engine-") as folder:
        large, small = Path(folder) / "large.csv", Path(folder) / "small.csv"
        run_module("benchmarks.engine", "make", str(large), str(rows))
        run_module("benchmarks.engine", "make", str(small), str(FRICTIONLESS_ROWS))
        floor = run_module("benchmarks.engine", "floor", str(large))
        ours = run_module("benchmarks.engine", "ours", str(large))
        theirs = run_module("benchmarks.engine", "frictionless", str(small))
        start = run_module("benchmarks.engine", "nothing", str(small))
        size_mb = large.stat().st_size / 1e6
    scaled = (theirs.cpu_seconds - start.cpu_seconds) * rows / FRICTIONLESS_ROWS
    print(f"file: {rows:,} rows, {size_mb:.0f} MB; findings: {ours.output.strip()}")
    _print("csv.reader (floor)", floor, rows)
    _print("engine, all checks", ours, rows)
    print(f"frictionless, scaled from {FRICTIONLESS_ROWS:,} rows: {scaled:.1f} s CPU")
    print(f"ratio frictionless / engine: {scaled / ours.cpu_seconds:.1f} (at least 30)")
    print(f"ratio engine / csv.reader: {ours.cpu_seconds / floor.cpu_seconds:.2f}")


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


def _ours(path: Path) -> int:
    from validations.engine.check import Check
    from validations.engine.options import Options
    from validations.engine.profile import load_profile

    found = 0
    with Check(path, load_profile("quebec-medical"), Options(today=TODAY)) as check:
        check.read(None)
        check.run_rules(None)
        with tempfile.NamedTemporaryFile("w") as output:
            for batch in check.finding_batches(5000):
                found += len(batch)
                output.writelines(json.dumps([str(value) for value in row]) + "\n" for row in batch)
    return found


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


def _nothing(path: Path) -> int:
    """What starting costs before the first row."""
    return path.stat().st_size and len(_table_schema())


_PARTS = {
    "floor": _floor,
    "ours": _ours,
    "frictionless": _frictionless,
    "nothing": _nothing,
}

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path, count]:
            _make(Path(path), int(count))
        case [part, path] if part in _PARTS:
            print(_PARTS[part](Path(path)))
        case _:
            main()
