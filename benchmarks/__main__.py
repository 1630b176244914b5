"""`make bench`: every benchmark in a process of its own, with the machine and the day above its figures.

`make bench ARGS="engine upload"` runs only the named ones. A file of this folder is a benchmark when it has a `main`.
"""

import ast
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from config.terminal import table

FOLDER = Path(__file__).parent


def benchmarks() -> list[str]:
    """The names of the benchmarks, in the order in which they run."""
    return [
        path.stem for path in sorted(FOLDER.glob("[a-z]*.py")) if path != Path(__file__) and _has_main(path)
    ]


def _has_main(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in body)


def machine() -> str:
    """The machine in one line: what every figure is worth nothing without."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def run(name: str) -> tuple[str, str, str]:
    """Name, outcome and duration of one benchmark; its figures were printed as they came."""
    print(f"\n=== {name} " + "=" * max(0, 80 - len(name)), flush=True)
    started_at = time.monotonic()
    status = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    return name, "done" if status == 0 else f"failed ({status})", f"{time.monotonic() - started_at:.0f} s"


def main() -> int:
    """0 when every benchmark that was asked for ran to its end."""
    known = benchmarks()
    chosen = sys.argv[1:] or known
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        print(f"No such benchmark: {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}")
    results = [run(name) for name in chosen]
    print("\n" + table(("benchmark", "outcome", "time"), results))
    return 1 if any(outcome != "done" for _name, outcome, _time in results) else 0


if __name__ == "__main__":
    sys.exit(main())
