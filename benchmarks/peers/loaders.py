"""`python -m benchmarks.peers.loaders pandas|clevercsv FOLDER`: every file of a folder as that library reads it.

Nothing is declared but what makes the library go on where it would stop. One line of JSON: rows by file name, the
header first; null where it failed.
"""

import json
import sys
import warnings
from pathlib import Path

Rows = list[list[str]]


def with_pandas(path: Path) -> Rows:
    """The file by `pandas.read_csv`, which sniffs the delimiter; lines too long are skipped."""
    import pandas as pd

    frame = pd.read_csv(
        path, sep=None, engine="python", dtype=str, keep_default_na=False, header=None, on_bad_lines="skip",
        encoding_errors="replace",
    )  # fmt: skip
    return [
        ["" if cell is None or cell != cell else str(cell) for cell in row]
        for row in frame.to_numpy().tolist()
    ]


def with_clevercsv(path: Path) -> Rows:
    """The file by `clevercsv.read_table`, which detects encoding and dialect."""
    import clevercsv

    return list(clevercsv.read_table(path))


LOADERS = {"pandas": with_pandas, "clevercsv": with_clevercsv}


def main() -> None:
    """Print what the named library reads."""
    load = LOADERS[sys.argv[1]]
    warnings.simplefilter("ignore")
    read: dict[str, Rows | None] = {}
    for path in sorted(Path(sys.argv[2]).iterdir()):
        try:
            read[path.name] = load(path)
        except Exception:  # noqa: BLE001 (whatever a library raises, the file was not read)
            read[path.name] = None
    print(json.dumps(read))


if __name__ == "__main__":
    main()
