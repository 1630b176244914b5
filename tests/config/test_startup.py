"""What a web process does before its first request."""

import subprocess
import sys

import pytest

LOOK = """
import gc
from config.{server} import application
print(application is not None, gc.get_freeze_count() > 100_000)
"""


@pytest.mark.parametrize("server", ["asgi", "wsgi"])
def test_a_web_process_keeps_what_it_loaded_out_of_the_collectors_sight_and_ends_in_silence(
    server: str,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(server=server)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True"]
    assert done.stderr == ""
