"""Every finding against frictionless-py as the oracle, on many made-up schemas and files.

`python -m benchmarks.oracle [CASES [SEED]]`: CASES (10,000) pairs of a schema and a file, ten files a schema, always
the same for one SEED (1). Prints how often each difference of docs/table-schema.md occurred, and what has none.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.support.oracle import Case, compare_together
from tests.support.oracle_cases import bundles

CASES = 10_000
FILES = 10
SHOWN = 40


def main() -> None:
    """Print the outcome; the exit status is 1 when something is not explained."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    done, findings, explained, unexplained = 0, 0, Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="bench-oracle-") as folder:

        @seed(number)
        @settings(
            max_examples=count // FILES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(cases=bundles(FILES))
        def check(cases: list[Case]) -> None:
            nonlocal done, findings
            for found in compare_together(cases, Path(folder)):
                done, findings = done + 1, findings + found.findings
                explained.update(found.explained)
                unexplained.update(found.unexplained)

        check()
    print(f"{done:,} cases, {findings:,} findings of frictionless")
    for name, times in explained.most_common():
        print(f"  {name}: {times:,}")
    print(f"not explained: {sum(unexplained.values())}")
    for text, times in unexplained.most_common(SHOWN):
        print(f"  {times} x {text}")
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
