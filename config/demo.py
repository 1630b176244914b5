"""The demo's story: a person signs in, sends the sample through the form, waits, and reads what was found.

Everything goes over HTTP as a browser would do it; nothing is called inside the site.
"""

import json
import tempfile
import time
import urllib.parse
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from django.urls import reverse
from django.utils import timezone

from config.terminal import bar, redraw, table
from config.visitor import Visitor
from organizations.demo import CLINIC, PEOPLE
from validations.engine.sample import write_sample

ROWS = 3000
ERROR_RATE = 0.02
# Any seed will do; a fixed one makes every demo the same.
SEED = 20
# The sample takes seconds; a machine that is busy gets its time too.
RUN_SECONDS = 180.0
_POLL_SECONDS = 0.1
_ENDED = ("completed", "failed", "cancelled")


class DemoError(Exception):
    """The demo did not go as it should; the message says where it stopped."""


@dataclass(frozen=True, slots=True)
class Story:
    """One visit with the sample; what happens is written to `out`."""

    address: str
    password: str
    out: TextIO

    def tell(self) -> None:
        """Send the sample and show what comes of it.

        Raises: DemoError, when the findings are not the planted errors; VisitError, when the site fails on the way.
        """
        visitor = Visitor(self.address)
        visitor.wait_until_open(reverse("account_login"))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "facturation-demo.csv"
            truth = write_sample(file, ROWS, ERROR_RATE, SEED, today=timezone.localdate())
            self._say(
                f"Sample: {ROWS} lines, {file.stat().st_size // 1024} KiB, {ERROR_RATE:.0%} with errors."
            )
            sign_in(visitor, PEOPLE[0].email, self.password)
            page = send_file(visitor, reverse("validations:upload", args=[CLINIC[1]]), file)
        self._say(f"Sent through the form by {PEOPLE[0].email}: {self.address}{page}")
        run = self._follow(visitor, page.rstrip("/").rpartition("/")[2])
        planted = Counter(mistake.code for mistake in truth.planted)
        self._compare(found_by_code(run, planted), planted)

    def _follow(self, visitor: Visitor, run_id: str) -> dict[str, Any]:
        """The completed run; its progress is drawn while it moves.

        Raises: DemoError, when it does not end in time or could not be processed.
        """
        drawn = ""
        for run in states(visitor, run_id):
            line = f"  {bar(run['progress']['percent'], 100)}  {_where(run)}"
            if line != drawn:
                redraw(self.out, line)
            drawn = line
        self.out.write("\n")
        if run["status"] != "completed":
            reason = (run["error"] or {}).get("message", "")
            raise DemoError(f"The run is {run['status']}. {reason}")
        return run

    def _compare(self, found: Counter[str], planted: Counter[str]) -> None:
        """Show both beside each other.

        Raises: DemoError, when they differ.
        """
        codes = sorted({*found, *planted})
        rows = [(code, str(found[code]), str(planted[code])) for code in codes]
        total = ("all", str(found.total()), str(planted.total()))
        self._say("\n" + table(("rule", "found", "planted"), [*rows, total]) + "\n")
        wrong = [code for code in codes if found[code] != planted[code]]
        if wrong:
            raise DemoError(f"Found and planted differ for: {', '.join(wrong)}.")
        self._say("Every planted error was found, and nothing else.")

    def _say(self, text: str) -> None:
        self.out.write(f"{text}\n")
        self.out.flush()


def sign_in(visitor: Visitor, email: str, password: str) -> None:
    """Sign the visitor in.

    Raises: DemoError, when the site does not let them in.
    """
    path = reverse("account_login")
    address, _page = visitor.submit(path, {"login": email, "password": password})
    if urllib.parse.urlsplit(address).path == path:
        raise DemoError(f"The site does not let {email} in.")


def send_file(visitor: Visitor, path: str, file: Path) -> str:
    """The path of the run's page, to which the form leads.

    Raises: VisitError, when the site refuses the file.
    """
    address, _page = visitor.submit(path, {}, {"files": (file.name, file.read_bytes())})
    return urllib.parse.urlsplit(address).path


def states(visitor: Visitor, run_id: str, seconds: float = RUN_SECONDS) -> Iterator[dict[str, Any]]:
    """The run as the API tells it, again and again until it has ended.

    Raises: DemoError, when it takes longer than that.
    """
    deadline = time.monotonic() + seconds
    while True:
        run: dict[str, Any] = json.loads(visitor.get(f"/api/validations/{run_id}"))
        yield run
        if run["status"] in _ENDED:
            return
        if time.monotonic() > deadline:
            raise DemoError(f"After {seconds:.0f} s the run is still {run['status']}.")
        time.sleep(_POLL_SECONDS)


def found_by_code(run: Mapping[str, Any], planted: Collection[str]) -> Counter[str]:
    """How many findings of each rule the run's summary names.

    What a run only tells of (severity info) is no mistake, unless it was planted.
    """
    found: Counter[str] = Counter()
    for line in run["summary"]["by_code"]:
        if line["severity"] != "info" or line["code"] in planted:
            found[line["code"]] += line["count"]
    return found


def _where(run: Mapping[str, Any]) -> str:
    """What the run is doing, in a few words."""
    progress = run["progress"]
    rows = f", {progress['rowsDone']} rows" if progress["rowsDone"] else ""
    phase = f" ({progress['phase']})" if run["status"] == "processing" else ""
    return f"{progress['percent']:3d} %  {run['status']}{phase}{rows}"
