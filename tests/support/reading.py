"""Files made of bytes, read by the engine, and what came of them in a form that tests compare."""

import csv
import json
from pathlib import Path
from typing import Any

from validations.engine.findings import Found
from validations.engine.options import Options
from validations.engine.reading import Parsed, read


def parse(folder: Path, data: bytes, **options: Any) -> Parsed:
    """The file with this content, read."""
    path = folder / "input.csv"
    path.write_bytes(data)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return read(path, Options(**options), work)


def cells(parsed: Parsed) -> list[list[str | None]]:
    """Every data row."""
    return list(parsed.rows())


def labels(parsed: Parsed) -> list[str]:
    """The names of the columns."""
    return [column.label for column in parsed.reading.columns]


def found(parsed: Parsed, code: str) -> list[Found]:
    """The findings with a code."""
    return [finding for finding in parsed.findings() if finding[0] == code]


def places(parsed: Parsed, code: str) -> list[tuple[int | None, int | None]]:
    """Row and physical line of each finding with a code."""
    return [(finding[2], finding[3]) for finding in found(parsed, code)]


def params(parsed: Parsed, code: str) -> dict[str, Any]:
    """The parameters of the only finding with a code."""
    (finding,) = found(parsed, code)
    told: dict[str, Any] = json.loads(finding[6])
    return told


def cleaned(parsed: Parsed, folder: Path) -> list[list[str]]:
    """The rows of the cleaned file, the header first."""
    target = folder / "cleaned.csv"
    parsed.write_cleaned(target)
    with target.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))
