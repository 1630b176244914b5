"""Uploads to a whole site: a program that sends files, the web process it sends them to, and waiting for the end."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
from django.test import Client

from jobs.models import Attempt
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.processes import ROOT, Site, free_port, wait_until
from validations.engine.sample import Truth, write_sample
from validations.models import BillingRecord, Finding, ResultSet, ValidationRun


@dataclass
class WebProcess:
    """The site's web server, and its log."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether it takes requests."""
        assert self.process.poll() is None, self.log_text()
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/sign-in/", timeout=10).status_code == 200
        return False

    def log_text(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")


@contextmanager
def web_process(site: Site) -> Iterator[WebProcess]:
    """A web server on the site until the block ends."""
    port, log = free_port(), site.folder / "web.log"
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=site.environment(), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    made = WebProcess(process, port, log)
    try:
        wait_until(made.answers, what="the web process")
        yield made
    finally:
        process.kill()
        process.wait()


class Program:
    """A program with an API key and a person with a browser, both of one organization."""

    def __init__(self, slug: str = "erables", **person: str) -> None:
        self.organization: Organization = factories.organization(slug=slug)
        self.user: User = factories.member(self.organization, **person)
        self.headers = {
            "Authorization": f"Bearer {factories.api_key(self.organization, self.user, 'Program')}"
        }
        self.client = Client(headers=self.headers)

    @property
    def upload_path(self) -> str:
        """Where the upload form is."""
        return f"/o/{self.organization.slug}/upload/"

    def send(self, content: bytes, name: str = "lines.csv") -> ValidationRun:
        """The run of a file that went in through the API."""
        answer = self.client.post("/api/validations", {"file": factories.upload(content, name)})
        assert answer.status_code == 202, answer.content
        run: ValidationRun = ValidationRun.unscoped.get(pk=answer.json()["validationId"])
        return run

    @contextmanager
    def browser(self, web: WebProcess) -> Iterator[httpx.Client]:
        """A browser in which the person is signed in, with the token of a form, until the block ends."""
        session = signed_in(self.user).cookies["sessionid"].value
        with httpx.Client(base_url=web.url, timeout=60) as browser:
            browser.cookies.set("sessionid", session, domain="127.0.0.1")
            assert browser.get(self.upload_path).status_code == 200
            yield browser


def sample(folder: Path, rows: int) -> tuple[bytes, Truth]:
    """A made-up billing file of so many rows, and the mistakes that were planted in it."""
    path = folder / "sample.csv"
    truth = write_sample(path, rows, 0.02, 7, today=date.today())  # noqa: DTZ011 -- the day of this machine
    return path.read_bytes(), truth


def wait_for_end(run: ValidationRun, *, seconds: float = 120.0) -> ValidationRun:
    """The run, once it has reached its final state."""

    def ended() -> bool:
        run.refresh_from_db()
        return not run.is_active

    wait_until(ended, seconds=seconds, what=f"the end of {run.pk}")
    return run


def wait_for_phase(run: ValidationRun, phases: set[str]) -> None:
    """Return when the run is in one of the phases.

    Raises: AssertionError when it is over before.
    """

    def reached() -> bool:
        run.refresh_from_db()
        assert run.is_active, "the run was over before it could be disturbed"
        return run.phase in phases

    wait_until(reached, seconds=120, what=f"phase {phases}")


def outcomes(run: ValidationRun) -> list[str]:
    """How each attempt at the run's job ended, the first first."""
    return list(Attempt.objects.filter(job=run.job).order_by("fence").values_list("outcome", flat=True))


def assert_one_result_set(run: ValidationRun, truth: Truth) -> None:
    """The run shows what was planted, each row once, and nothing of another attempt is left."""
    found = Counter(Finding.unscoped.filter(result_id=run.result_id).values_list("code", flat=True))
    assert found == Counter(plant.code for plant in truth.planted)
    wait_until(lambda: ResultSet.unscoped.filter(run=run).count() == 1, what="left-over sets to be removed")
    assert BillingRecord.unscoped.filter(result__run=run).count() == run.summary["rows"]
