"""What the engine finds of the mistakes in made-up files, and what else it finds, on seeds nobody has seen before.

`python -m benchmarks.recall [ROWS [SEED...]]`: one file of ROWS rows (100,000) and 1 % mistakes, ragged rows included,
for each SEED (five drawn now and printed). A finding is right when its code, line and field are those of a mistake.
"""

import secrets
import sys
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

ROWS = 100_000
SEEDS = 5
TODAY = date(2026, 11, 22)
RAGGED = ("extra-cell", "missing-cell")


def main() -> None:
    """Print recall and false findings of each file; the exit status is 1 when something was missed or made up."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    seeds = [int(word) for word in sys.argv[2:]] or [secrets.randbelow(1_000_000) for _ in range(SEEDS)]
    is_exact = True
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="bench-recall-") as folder:
            planted, found = _compared(Path(folder) / "sample.csv", rows, seed)
        missed, made_up = planted - found, found - planted
        recall = 1 - missed.total() / max(1, planted.total())
        ragged = sum(count for (code, *_), count in planted.items() if code in RAGGED)
        print(
            f"seed {seed}: {planted.total():,} mistakes, {ragged} of them ragged rows: recall {recall:.3f}, "
            f"{made_up.total()} false"
        )
        for name, wrong in (("missed", missed), ("false", made_up)):
            for place in list(wrong)[:10]:
                print(f"  {name}: {place}")
        is_exact = is_exact and not missed and not made_up
    sys.exit(0 if is_exact else 1)


# Code, physical line and field of a mistake or finding.
Places = Counter[tuple[str, int, str | None]]


def _compared(path: Path, rows: int, seed: int) -> tuple[Places, Places]:
    """The mistakes in a new file, and what is found in it."""
    from validations.engine.check import Check
    from validations.engine.options import Options
    from validations.engine.profile import load_profile
    from validations.engine.sample import write_sample

    truth = write_sample(path, rows, 0.01, seed, today=TODAY, layout="full" if seed % 2 else "compact")
    with Check(path, load_profile("quebec-medical"), Options(today=TODAY)) as check:
        check.read()
        check.run_rules()
        findings = [finding for batch in check.finding_batches() for finding in batch]
    planted: Places = Counter((entry.code, entry.line, entry.field) for entry in truth.planted)
    return planted, Counter((finding[0], finding[2], finding[6] or None) for finding in findings)


if __name__ == "__main__":
    main()
