"""A short soak in every test run; `make soak` is the long one (docs/reliability.md)."""

import subprocess
import sys

import pytest

from tests.soak.servers import binaries
from tests.support.processes import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_nothing_is_lost_and_nothing_happens_twice_while_everything_is_killed(database: str) -> None:
    if database == "postgresql" and binaries() is None:
        pytest.skip("PostgreSQL's own programs are not installed")
    command = [sys.executable, "-m", "tests.soak", "--seeds", "7", "--seconds", "20", "--databases", database]
    soak = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert soak.returncode == 0, soak.stdout + soak.stderr
