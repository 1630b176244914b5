"""The page's side of live updates, in a real browser against the real server: what it does when streams fail."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path
from playwright.sync_api import Browser, Page

from config.asgi import Handler
from jobs.live import Snapshot, event_response, publish
from tests.support.web import serving

pytestmark = pytest.mark.browser

SCRIPT = Path(__file__).parents[2] / "static" / "js" / "live.js"
PAGE = """<!doctype html><title>live</title><script type="module">
import { live } from "/live.js";
window.seen = []; window.ended = null;
const onEnd = (reason) => { window.ended = reason; };
window.stop = live("/events/", "/poll/", (state) => window.seen.push(state.value), { onEnd });
</script>"""


class Server:
    """What the server says, and what it was asked."""

    value = 0
    is_done = False
    refuses_streams = False
    is_gone = False
    is_broken = False
    asked: list[str] = []


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


def script(request: HttpRequest) -> HttpResponse:
    return HttpResponse(SCRIPT.read_bytes(), content_type="text/javascript")


def events(request: HttpRequest) -> HttpResponseBase:
    Server.asked.append("events")
    if Server.is_broken:
        return HttpResponse(status=503)
    if Server.refuses_streams:
        return HttpResponse(status=204)
    return event_response(topics=["job:1"], load=load, owner="browser")


def load() -> Snapshot:
    return Snapshot({"value": Server.value}, done=Server.is_done)


def poll(request: HttpRequest) -> HttpResponse:
    Server.asked.append("poll")
    if Server.is_gone or Server.is_broken:
        return HttpResponse(status=404 if Server.is_gone else 503)
    return JsonResponse({"value": Server.value, **({"done": True} if Server.is_done else {})})


urlpatterns = [path("", home), path("live.js", script), path("events/", events), path("poll/", poll)]


@pytest.fixture
def address(settings: Any) -> Iterator[str]:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    Server.value, Server.asked = 0, []
    Server.is_done = Server.refuses_streams = Server.is_gone = Server.is_broken = False
    with serving(Handler()) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def wait_until(page: Page, true: Callable[[], bool], within_seconds: float = 8) -> None:
    deadline = time.monotonic() + within_seconds
    while not true():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def shows(page: Page, value: int) -> Callable[[], bool]:
    return lambda: page.evaluate("seen.at(-1)") == value


def test_a_page_follows_its_stream_and_does_not_poll(page: Page, address: str) -> None:
    page.goto(address)
    wait_until(page, shows(page, 0))
    Server.value = 1
    publish("job:1")
    wait_until(page, shows(page, 1))
    assert Server.asked == ["events"]


def test_a_page_whose_stream_is_refused_polls(page: Page, address: str) -> None:
    Server.refuses_streams = True
    page.goto(address)
    wait_until(page, shows(page, 0))
    Server.value = 1
    wait_until(page, shows(page, 1))
    assert Server.asked.count("events") == 1


def test_a_browser_without_event_streams_polls(page: Page, address: str) -> None:
    page.add_init_script("delete window.EventSource")
    page.goto(address)
    wait_until(page, shows(page, 0))
    Server.value = 1
    wait_until(page, shows(page, 1))
    assert "events" not in Server.asked


def test_x24_a_page_that_lost_its_stream_shows_the_final_state(page: Page, address: str) -> None:
    page.goto(address)
    wait_until(page, shows(page, 0))
    page.context.set_offline(True)
    page.wait_for_timeout(500)
    Server.value, Server.is_done = 9, True
    page.context.set_offline(False)
    wait_until(page, shows(page, 9))
    wait_until(page, lambda: page.evaluate("ended") == "done")


def test_a_page_asks_nothing_after_the_end(page: Page, address: str) -> None:
    Server.is_done = True
    page.goto(address)
    wait_until(page, lambda: page.evaluate("ended") == "done")
    asked = len(Server.asked)
    page.wait_for_timeout(3000)
    assert len(Server.asked) == asked


def test_h02_a_page_that_may_no_longer_be_seen_stops_asking(page: Page, address: str) -> None:
    Server.refuses_streams = Server.is_gone = True
    page.goto(address)
    wait_until(page, lambda: page.evaluate("ended") == "gone")


def test_a_page_asks_less_often_while_the_server_fails_and_recovers(page: Page, address: str) -> None:
    Server.is_broken = True
    page.goto(address)
    page.wait_for_timeout(5000)
    assert Server.asked.count("poll") <= 3
    Server.is_broken = False
    wait_until(page, shows(page, 0), within_seconds=12)


def test_a_stopped_page_asks_nothing(page: Page, address: str) -> None:
    Server.refuses_streams = True
    page.goto(address)
    wait_until(page, shows(page, 0))
    page.evaluate("stop()")
    asked = len(Server.asked)
    page.wait_for_timeout(3000)
    assert len(Server.asked) == asked
