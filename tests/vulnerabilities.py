"""`python -m tests.vulnerabilities`: whether a known vulnerability is in what this project installs.

Where no service of vulnerabilities can be reached, a line says that nothing was looked up, and that is no failure; a
vulnerability that is known is one.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKED = ("base", "dev", "otel")
_SECONDS = 120


def audited(path: Path) -> list[dict[str, Any]] | None:
    """What the auditor says of each package of a lock file; None where it reached no service."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--disable-pip", "--require-hashes"]
    try:
        done = subprocess.run(
            [*command, "--requirement", str(path)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    return found if any("skip_reason" not in entry for entry in found) else None


def main() -> int:
    """0 where nothing is known, or nothing could be looked up; 1 with a line for each vulnerability."""
    bad: set[str] = set()
    for name in LOCKED:
        found = audited(ROOT / "requirements" / f"{name}.txt")
        if found is None:
            sys.stdout.write(
                f"{name}.txt: no service of vulnerabilities answers here; nothing was looked up.\n"
            )
            continue
        lines = {
            f"{entry['name']} {entry['version']}: {known['id']}, mended in {', '.join(known['fix_versions'])}"
            for entry in found
            for known in entry.get("vulns", [])
        }
        bad |= lines
        sys.stdout.write(f"{name}.txt: {len(found)} packages, {len(lines)} known vulnerabilities.\n")
    sys.stdout.writelines(f"{line}\n" for line in sorted(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
