"""Wake-ups for open pages: who changes a row says its topic, and each open page reads its own state again.

Only topics travel (`job:<uuid>`, `user:<id>`), never content: Redis holds nothing worth reading, and a page
shows nothing that its reader may not see, since `load` checks the rights at each look. A wake-up may be lost;
a stream therefore also looks by itself, often without Redis and seldom with it.
"""

import asyncio
import json
import logging
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, sync_to_async
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.db import close_old_connections, connections
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from redis import Redis, RedisError
from redis import asyncio as redis_asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

CHANNEL = "bordereau:live"

# A wake-up is worth no wait: without it a page only learns a little later.
PUBLISH_TIMEOUT_SECONDS = 0.2
# After a failed one none is tried for this long: a frozen Redis costs one time-out a second and not one a call. On a
# busy machine a living Redis misses one too, and an open page should stand still no longer than that.
PUBLISH_PAUSE_SECONDS = 1.0
# A silent Redis is asked for a sign of life this often, and given up when it stays silent as long again.
PING_SECONDS = 3.0

# A person reads no faster than four changes a second.
SHORTEST_GAP_SECONDS = 0.25
# How often a stream looks by itself while wake-ups work: the price of one that was lost.
SAFETY_SECONDS = 20.0
# All streams of a process together look at most this often a second while Redis is away.
LOOKS_PER_SECOND = 50
# A stream ends by itself and the browser opens another one, so that rights and sessions are read anew.
LONGEST_STREAM_SECONDS = 300.0
# One person with more pages than this open gets the others by polling.
STREAMS_PER_OWNER = 10
# A page that cannot be loaded this many times in a row is left to the browser's reconnection.
FAILED_LOADS = 5

_RETRY = b"retry: 2000\n\n"
# An event and not a comment: the page sees it, and opens a new stream when it misses several.
_BEAT = b"event: beat\ndata: {}\n\n"

# Few threads, so that a thousand open pages never hold more database connections than this.
_loaders = ThreadPoolExecutor(max_workers=4, thread_name_prefix="live")
_open_streams: Counter[str] = Counter()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a page shows now; `done` says that it will never change again."""

    data: Mapping[str, Any]
    done: bool = False


# Reads the state, in a thread. None is "as before"; Http404, PermissionDenied, DoesNotExist are "not yours".
Load = Callable[[], Snapshot | None]


def publish(*topics: str) -> None:
    """Wake the pages that listen to any of these topics; call it after commit.

    It never raises and never waits longer than PUBLISH_TIMEOUT_SECONDS, whatever the state of Redis.
    """
    if topics:
        _publisher(settings.REDIS_URL).publish(topics)


def event_response(*, topics: Collection[str], load: Load, owner: object) -> HttpResponseBase:
    """Server-sent events that show `load()` at once and after each change.

    `owner` is whose number of open streams is limited, usually `request.user.pk`. Beyond the limit the answer
    is 204, which tells EventSource to stop: the page polls.
    """
    place = _Place.take(str(owner))
    if place is None:
        return HttpResponse(status=204)
    events = _Events(stream(topics, _as_now(load)), place)
    response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-cache, no-transform"
    # nginx would otherwise hold events back until its buffer is full.
    response["X-Accel-Buffering"] = "no"
    return response


async def stream(
    topics: Collection[str],
    load: Load,
    *,
    heartbeat_seconds: float = 15.0,
    fallback_seconds: float = 2.0,
) -> AsyncGenerator[bytes, None]:
    """The events of one page: its state now, then each change, and a beat when nothing changed for long.

    Shape: `data` of a plain event is the JSON of `Snapshot.data`. Event `end` is the last one and has
    `{"reason": "done"|"gone"}`; a stream that stops without it is to be opened again.
    """
    await _let_go_of_request()
    page = _Page(load)
    ends_at = time.monotonic() + LONGEST_STREAM_SECONDS * random.uniform(0.8, 1.0)  # noqa: S311 -- spreads load
    with _hub().listening(topics) as ear:
        yield _RETRY
        spoke_at, look_at = time.monotonic(), 0.0
        while (now := time.monotonic()) < ends_at and not (page.closed or ear.hub.closing):
            if ear.woken.is_set() or now >= look_at:
                ear.woken.clear()
                if frames := await page.look():
                    spoke_at = now
                    yield frames
                look_at = now + ear.hub.patience_seconds(fallback_seconds)
                if not page.closed:
                    await asyncio.sleep(SHORTEST_GAP_SECONDS)
            elif now >= spoke_at + heartbeat_seconds:
                spoke_at = now
                yield _BEAT
            else:
                await ear.wait(min(look_at, spoke_at + heartbeat_seconds) - now)


def end_streams_on(*signals: signal.Signals) -> None:
    """From now on these signals first end the streams of the running event loop, then do what they did before.

    A server that stops waits for its open connections, and a stream would keep it waiting.
    """
    hub, loop = _hub(), asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        return  # Python gives signals to the main thread only
    for number in signals:
        previous = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None, then: Any = previous) -> None:
            loop.call_soon_threadsafe(hub.close)
            if callable(then):
                then(received, frame)

        signal.signal(number, handle)


class _Place:
    """One of the streams that an owner may have open; taken before the stream begins, given back once."""

    # Re-entrant: the collector may drop an answer, and give its place back, in the middle of any line.
    _lock = threading.RLock()

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._is_taken = True
        _open_streams[owner] += 1

    @classmethod
    def take(cls, owner: str) -> "_Place | None":
        """A place, or None when the owner has them all."""
        with cls._lock:
            return cls(owner) if _open_streams[owner] < STREAMS_PER_OWNER else None

    def give_back(self) -> None:
        """Let another stream have the place; safe to repeat."""
        with self._lock:
            if self._is_taken:
                self._is_taken = False
                _open_streams[self._owner] -= 1
                if not _open_streams[self._owner]:
                    del _open_streams[self._owner]


class _Events:
    """The body of an answer: a stream that holds its place until it ends, or is never even begun."""

    def __init__(self, events: AsyncGenerator[bytes, None], place: _Place) -> None:
        self._events = events
        self._place = place

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            async for event in self._events:
                yield event
        finally:
            await self._events.aclose()
            self.close()

    def close(self) -> None:
        """Give the place back; Django calls it at the end of every answer."""
        self._place.give_back()

    def __del__(self) -> None:
        # An answer that was dropped before it began is closed by nobody.
        self.close()


def _as_now(load: Load) -> Load:
    """The load in the language and time zone of the request that asked for it."""
    language, zone = translation.get_language(), timezone.get_current_timezone()

    def loaded() -> Snapshot | None:
        with translation.override(language), timezone.override(zone):
            return load()

    return loaded


async def _let_go_of_request() -> None:
    """Give back what the request holds until its answer ends, and a stream does not need: connections, thread."""
    await sync_to_async(_close_connections)()
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        # Whoever needs a thread of this request again, to close it, gets a new one.
        executor.shutdown(wait=False)


def _close_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


class _Page:
    """One open page: what it was last told, and whether there is more to tell."""

    def __init__(self, load: Load) -> None:
        self.closed = False
        self._load = load
        self._shown = b""
        self._failures = 0
        self._number = 0

    async def look(self) -> bytes:
        """The events that bring the page up to date; empty when it is."""
        try:
            snapshot = await asyncio.get_running_loop().run_in_executor(_loaders, self._read)
        except (Http404, PermissionDenied, ObjectDoesNotExist):
            return self._end("gone")
        except Exception as error:  # noqa: BLE001 -- whatever it is, the page stays as it is and looks again
            # The class alone: a message may hold values.
            logger.warning("A live page could not be loaded: %s", type(error).__name__)
            self._failures += 1
            self.closed = self._failures >= FAILED_LOADS
            return b""
        self._failures = 0
        if snapshot is None:
            return b""
        return self._event(snapshot.data) + (self._end("done") if snapshot.done else b"")

    def _read(self) -> Snapshot | None:
        close_old_connections()
        try:
            return self._load()
        finally:
            close_old_connections()

    def _event(self, data: Mapping[str, Any]) -> bytes:
        text = json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()
        if text == self._shown:
            return b""
        self._shown = text
        self._number += 1
        return b"id: %d\ndata: %s\n\n" % (self._number, text)

    def _end(self, reason: str) -> bytes:
        self.closed = True
        return b'event: end\ndata: {"reason":"%s"}\n\n' % reason.encode()


@dataclass(frozen=True, slots=True, eq=False)
class _Ear:
    """One stream's place in a hub."""

    hub: "Hub"
    woken: asyncio.Event

    async def wait(self, seconds: float) -> None:
        """Return at the next wake-up, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.woken.wait()
        except TimeoutError:
            return


class Hub:
    """The wake-ups of one event loop: one subscription in Redis for any number of streams.

    The subscription opens with the first stream, closes with the last one, and is renewed whenever it breaks;
    each time it opens or breaks every stream looks once, since wake-ups may have passed unheard.
    """

    def __init__(self, url: str) -> None:
        self.connected = False
        self.closing = False
        self._url = url
        self._ears: dict[str, set[_Ear]] = {}
        self._count = 0
        self._listener: asyncio.Task[None] | None = None

    @contextmanager
    def listening(self, topics: Collection[str]) -> Iterator[_Ear]:
        """An ear that is woken by any of the topics, for as long as the block lasts."""
        ear = _Ear(self, asyncio.Event())
        for topic in topics:
            self._ears.setdefault(topic, set()).add(ear)
        self._count += 1
        if self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen(), name="live-hub")
        try:
            yield ear
        finally:
            self._forget(ear, topics)

    def patience_seconds(self, fallback_seconds: float) -> float:
        """How long a stream may go without looking when nothing wakes it."""
        crowded_seconds = self._count / LOOKS_PER_SECOND
        seconds = SAFETY_SECONDS if self.connected else max(fallback_seconds, crowded_seconds)
        return seconds * random.uniform(0.75, 1.25)  # noqa: S311 -- spreads load, keeps no secret

    def close(self) -> None:
        """End every stream, so that the server can stop; the browsers open new ones at the next server."""
        self.closing = True
        for topic in self._ears:
            self.wake(topic)

    def wake(self, topic: str) -> None:
        """Wake the streams of one topic."""
        for ear in self._ears.get(topic, ()):
            ear.woken.set()

    def _forget(self, ear: _Ear, topics: Collection[str]) -> None:
        for topic in set(topics):
            self._ears[topic].discard(ear)
            if not self._ears[topic]:
                del self._ears[topic]
        self._count -= 1
        if self._count == 0 and self._listener is not None:
            self._listener.cancel()
            self._listener = None
            self.connected = False

    def _set_connected(self, *, connected: bool) -> None:
        if self.connected != connected:
            self.connected = connected
            for topic in self._ears:
                self.wake(topic)

    async def _listen(self) -> None:
        while True:
            try:
                await self._follow()
            except (RedisError, OSError) as error:
                logger.debug("Live updates are without Redis: %s", type(error).__name__)
            self._set_connected(connected=False)
            await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311 -- spreads load

    async def _follow(self) -> None:
        """Listen until Redis goes away.

        Raises: RedisError or OSError when the connection breaks or stays silent.
        """
        client = redis_asyncio.Redis.from_url(
            self._url,
            socket_timeout=PING_SECONDS,
            socket_connect_timeout=PING_SECONDS,
            retry=AsyncRetry(NoBackoff(), 0),
        )
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            asked = False
            while True:
                message = await subscription.get_message(timeout=PING_SECONDS)
                if message is not None:
                    asked = False
                    self._hear(message)
                elif asked:
                    raise TimeoutError
                else:
                    asked = True
                    await subscription.ping()

    def _hear(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._set_connected(connected=True)
        elif message["type"] == "message":
            for topic in message["data"].decode(errors="replace").split("\n"):
                self.wake(topic)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def _hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(settings.REDIS_URL)
    return _hubs[loop]


class _Publisher:
    """A Redis client that gives up at once, and after a failure does not even try for a while."""

    def __init__(self, url: str) -> None:
        timeout = min(PUBLISH_TIMEOUT_SECONDS, settings.REDIS_TIMEOUT_SECONDS)
        self._client = Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )
        self._silent_until = 0.0

    def publish(self, topics: Collection[str]) -> None:
        """Send the topics as one message, or not."""
        if time.monotonic() < self._silent_until:
            return
        try:
            self._client.publish(CHANNEL, "\n".join(topics))
        except (RedisError, OSError) as error:
            self._silent_until = time.monotonic() + PUBLISH_PAUSE_SECONDS
            logger.debug("A wake-up was not sent: %s", type(error).__name__)


@lru_cache(maxsize=4)
def _publisher(url: str) -> _Publisher:
    return _Publisher(url)
