"""How well messy files are read: this engine beside other readers on the project's own corpus, nothing declared.

`python -m benchmarks.corpus`: for each reader the mean of ten values from 0 to 1 a file (success; precision, recall
and F1 of header cells, records and cells), plain and weighted by how often each pollution occurs in real files.
`python -m benchmarks.corpus READER`: the files that this reader does not read as they are.

DuckDB's sniffer and Python's csv.Sniffer run here, pandas and CleverCSV in the peers' environment (`throughput`). Where
a reader has a switch for going on instead of stopping, it is set; readers that decode nothing get UTF-8. A first row
counts as the header for each of them, so that nobody loses by not telling headers.
"""

import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from benchmarks.throughput import peers_python
from tests.support.pollution import Polluted, corpus, score, values
from tests.support.pollution.measure import FAILED
from tests.support.processes import ROOT
from validations.engine.errors import EngineError
from validations.engine.options import Options
from validations.engine.reading import read

Rows = list[list[str]]
Read = Mapping[str, Rows | None]
SNIFFED_CHARS = 64 * 1024
PEER_SECONDS = 1800  # CleverCSV takes minutes over the longest cells


def main() -> None:
    """Print the scores, best reader first, or the files that one reader does not read as they are."""
    files = list(corpus())
    with tempfile.TemporaryDirectory(prefix="bench-corpus-") as name:
        folder = Path(name)
        numbered = {f"{index:03d}.csv": file for index, file in enumerate(files)}
        for number, file in numbered.items():
            (folder / number).write_bytes(file.data)
        chosen = sys.argv[1:] or list(READERS)
        read = {reader: _by_name(READERS[reader](folder), numbered) for reader in chosen}
    for reader in sorted(chosen, key=lambda reader: -score(files, read[reader]).plain):
        result = score(files, read[reader])
        failed = sum(1 for file in files if values(file, read[reader][file.name]) == FAILED)
        print(
            f"{reader}: {result.plain:.3f} plain, {result.weighted:.3f} weighted; {len(files)} files, {failed} refused"
        )
    for reader in sys.argv[1:]:
        _print_losses(files, read[reader])


def _print_losses(files: list[Polluted], read: Read) -> None:
    for file in files:
        total = sum(values(file, read[file.name]))
        if round(total, 3) < len(FAILED):
            print(f"  {total:6.3f} {file.name}")


def _by_name(read: Read, numbered: Mapping[str, Polluted]) -> Read:
    return {file.name: read[number] for number, file in numbered.items()}


def _each(load: Callable[[Path], Rows], errors: tuple[type[Exception], ...]) -> Callable[[Path], Read]:
    """A reader of a folder from a reader of one file."""

    def read_folder(folder: Path) -> Read:
        read: dict[str, Rows | None] = {}
        for path in sorted(folder.iterdir()):
            try:
                read[path.name] = load(path)
            except errors:
                read[path.name] = None
        return read

    return read_folder


def _ours(path: Path) -> Rows:
    with tempfile.TemporaryDirectory(prefix="bench-corpus-") as name:
        folder = Path(name)
        read(path, Options(), folder).write_cleaned(folder / "cleaned.csv")
        with (folder / "cleaned.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))


# As sniffed, and where that fails with ever more let through: each step gained some.
DUCKDB_STEPS = (
    "",
    ", ignore_errors = true",
    ", ignore_errors = true, strict_mode = false, null_padding = true",
)


def _duckdb(path: Path) -> Rows:
    connection = duckdb.connect()
    for step in DUCKDB_STEPS[:-1]:
        try:
            return _duckdb_rows(connection, path, step)
        except duckdb.Error:
            continue
    return _duckdb_rows(connection, path, DUCKDB_STEPS[-1])


def _duckdb_rows(connection: duckdb.DuckDBPyConnection, path: Path, how: str) -> Rows:
    found = connection.execute(f"SELECT * FROM read_csv(?, all_varchar = true{how})", [str(path)])
    names = [column[0] for column in found.description or []]
    rows = [[cell or "" for cell in row] for row in found.fetchall()]
    has_header = not all(re.fullmatch(r"column\d+", name) for name in names)
    return [names, *rows] if has_header else rows


def _sniffer(path: Path) -> Rows:
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:SNIFFED_CHARS])
    except csv.Error:
        dialect = csv.excel
    return list(csv.reader(text.splitlines(keepends=True), dialect))


def _peer(name: str) -> Callable[[Path], Read]:
    def read_folder(folder: Path) -> Read:
        command = [str(peers_python()), "-m", "benchmarks.peers.loaders", name, str(folder)]
        answer = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, timeout=PEER_SECONDS
        )
        told: Read = json.loads(answer.stdout.splitlines()[-1])
        return told

    return read_folder


READERS: Mapping[str, Callable[[Path], Read]] = {
    "bordereau": _each(_ours, (EngineError,)),
    "duckdb": _each(_duckdb, (duckdb.Error,)),
    "csv.Sniffer": _each(_sniffer, (csv.Error,)),
    "clevercsv": _peer("clevercsv"),
    "pandas": _peer("pandas"),
}


if __name__ == "__main__":
    main()
