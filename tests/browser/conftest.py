"""A whole site in processes of its own, and a browser to look at it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.processes import ROOT, Site, free_port, redis_server, wait_until

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: tests run as root in containers. The rest keeps the browser from calling anybody.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery"
MEMBER = "member@erables.example"
FRENCH_OWNER = "owner@erables.example"
VIEWER = "viewer@erables.example"
STAFF = "staff@bordereau.example"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser and real processes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True, slots=True)
class LiveSite:
    """A running site: its address and the sample that people send to it."""

    url: str
    sample: Path
    folder: Path
    processes: Site

    def enqueue(self, task: str, **arguments: object) -> str:
        """The id of a new job of one of the tasks that misbehave on purpose."""
        code = f"from tests.support.probe import tasks; print(tasks.{task}.enqueue(**{arguments!r}).pk)"
        command = [sys.executable, str(ROOT / "manage.py"), "shell", "--verbosity", "0", "-c", code]
        done = subprocess.run(
            command, env=self.processes.environment(), cwd=ROOT, check=True, capture_output=True, text=True
        )
        return done.stdout.strip().splitlines()[-1]

    def sign_in_as_staff(self, page: Page) -> None:
        """Enter the administration as a person who may do everything there."""
        page.goto(f"{self.url}/admin/")
        page.fill("#id_login", STAFF)
        page.fill("#id_password", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url("**/admin/")

    def sign_in(self, page: Page, email: str = MEMBER) -> None:
        """Fill the sign-in form as a person does."""
        page.goto(f"{self.url}/sign-in/")
        page.fill("#id_login", email)
        page.fill("#id_password", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url("**/o/**")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """Redis, web and a worker on a database of their own, with the people of the demo."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "media" / "incoming").mkdir(parents=True)
    with redis_server(folder / "redis") as redis:
        made = Site(redis_url=redis.url, database_url=f"sqlite:///{folder / 'db.sqlite3'}", folder=folder)
        _manage(made, "migrate", "--verbosity", "0")
        _manage(made, "seed_demo", "--password", PASSWORD)
        sample = folder / "facturation_mars.csv"
        _manage(made, "make_sample", "3000", "--errors", "0.03", "--seed", "5", "--output", str(sample))
        made.worker()
        try:
            with _web(made) as url:
                yield LiveSite(url, sample, folder, made)
        finally:
            made.close()


def _environment(site: Site) -> dict[str, str]:
    mail = f"filemail:///{str(site.folder / 'mail').lstrip('/')}"
    return site.environment() | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EMAIL_URL": mail,
    }


def _manage(site: Site, *arguments: str) -> None:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    done = subprocess.run(
        command, env=_environment(site), cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def _web(site: Site) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
    with (site.folder / "web.log").open("wb") as log:
        process = subprocess.Popen(command, env=_environment(site), cwd=ROOT, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), what="the web process")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/sign-in/", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium from the system, or the tests are skipped."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    # Playwright runs an event loop in this thread, which is no reason for Django to refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a past, whose pages may not report a single error."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-CA")
    errors: list[str] = []
    made.on("weberror", lambda error: errors.append(str(error.error)))
    made.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield made
    made.close()
    assert errors == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page."""
    return context.new_page()
