"""The site as an ASGI application; the web server is started on `config.asgi:application`.

Beside what Django's handler does: bodies are taken in under limits of size and time while they arrive, forms
with files straight to disk (`config.uploads`), and a refusal is sent while the sender is still sending.
"""

import asyncio
import contextlib
import io
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any
from urllib.parse import urlencode

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string

from config.checks import refuse_unsafe_settings
from config.startup import load_site
from config.uploads import (
    BodyRefusedError,
    BodyTooLargeError,
    IncomingForm,
    Limits,
    SignInFirstError,
    TooSlowError,
    sweep_abandoned,
)
from jobs.live import end_streams_on

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Large enough that handing it to a thread costs little beside it, small enough for hundreds of uploads.
PIECE_BYTES = 512 * 1024
# What is under way when a body is refused is read and dropped this long: a connection that is closed with
# unread bytes is reset, and the sender would never see the answer.
LINGER_SECONDS = 2.0

# An answer of which nothing is read for this long is given up: its reader only holds a connection and memory.
UNREAD_SECONDS = 120.0

# A request that gets no connection within this time is answered with "try again".
POOL_WAIT_SECONDS = 10.0

_FORM_TYPE = "multipart/form-data"
_FORM = "bordereau.form"
_REFUSAL = "bordereau.refusal"

# Its own threads: a slow disk holds up uploads, and no page.
_disk = ThreadPoolExecutor(max_workers=4, thread_name_prefix="intake")


class UploadRequest(ASGIRequest):
    """A request whose form, where it has one, is already parsed."""

    def __init__(self, scope: Scope, body_file: IO[bytes]) -> None:
        super().__init__(scope, body_file)
        # `request.body` says that it is gone, as it does after Django has parsed a form.
        self._read_started = _FORM in scope

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]  # not in the stubs
        except ValueError:
            # A parameter in an unknown character set; Django would answer 500.
            self.content_type, self.content_params = "", {}

    def _load_post_and_files(self) -> None:
        form: IncomingForm | None = self.scope.get(_FORM)
        if form is None:
            super()._load_post_and_files()
        else:
            self._post, self._files = form.post, form.files


class Handler(ASGIHandler):
    """Django's handler with the body taken in piece by piece."""

    request_class = UploadRequest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one server's start and stop."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take in the body, then let Django answer: the request, or the refusal of it."""
        intake = _Intake(scope, receive)
        try:
            await intake.read()
        except RequestAborted:
            return
        except BodyRefusedError as refusal:
            scope[_REFUSAL] = refusal
            more_comes = not intake.complete and not isinstance(refusal, TooSlowError)
            lingering = _Lingering(receive, send, dropping=more_comes)
            await super().handle(scope, lingering.receive, lingering.send)
        else:
            await super().handle(scope, intake.replay, send)
        finally:
            await intake.close()

    async def read_body(self, receive: Receive) -> IO[bytes]:
        """The body that was taken in; Django would copy it to a temporary file."""
        return io.BytesIO((await receive())["body"])

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Send the answer, but not to a reader who takes nothing of it."""

        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(UNREAD_SECONDS):
                    await send(message)
            except TimeoutError:
                # What Django expects when a reader has gone.
                raise asyncio.CancelledError from None

        await super().send_response(response, send_in_time)

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                await sync_to_async(sweep_abandoned, thread_sensitive=False)()
                end_streams_on(signal.SIGTERM, signal.SIGINT)
                await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def _get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        # Inside the middleware: the refusal has the reader's language and every header that a page has.
        refusal = getattr(request, "scope", {}).get(_REFUSAL)
        if refusal is None:
            response: HttpResponseBase = await super()._get_response_async(request)  # type: ignore[misc]  # not in the stubs
            return response
        return await sync_to_async(refusal_response)(request, refusal)


def refusal_response(request: HttpRequest, refusal: BodyRefusedError) -> HttpResponse:
    """JSON below /api/; elsewhere the sign-in page or a page of the site, and plain text where it has none."""
    if request.path_info.startswith("/api/"):
        content = {"code": refusal.code, "message": str(refusal.message)}
        return JsonResponse(content, status=refusal.status)
    if isinstance(refusal, SignInFirstError):
        address = (
            f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': request.get_full_path()}, safe='/')}"
        )
        return HttpResponseRedirect(address)
    try:
        pages = [f"{refusal.status}.html", "refused.html"]
        page = render_to_string(pages, {"message": refusal.message, "status": refusal.status}, request)
    except TemplateDoesNotExist:
        return HttpResponse(
            str(refusal.message), status=refusal.status, content_type="text/plain; charset=utf-8"
        )
    return HttpResponse(page, status=refusal.status)


class _Intake:
    """The body of one request on its way in: a form goes to disk, anything else, being small, to memory."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.complete = False
        self._scope = scope
        self._receive = receive
        self._headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._form: IncomingForm | None = None
        self._body = b""
        self._replayed = False

    async def read(self) -> None:
        """Take in the whole body.

        Raises: BodyRefusedError, RequestAborted when the sender went away.
        """
        limits = Limits.from_settings()
        content_type = self._headers.get(b"content-type", "")
        if self._scope["method"] != "POST" or not content_type.lower().startswith(_FORM_TYPE):
            pieces = self._pieces(limits.text_bytes, BodyTooLargeError)
            self._body = b"".join([piece async for piece in pieces])
            return
        if self._comes_from_somebody():
            pieces = self._pieces(limits.body_bytes, BodyTooLargeError)
        else:
            pieces = self._pieces(limits.text_bytes, SignInFirstError)
        self._form = self._scope[_FORM] = IncomingForm(content_type, limits)
        await self._feed(self._form, pieces)
        self._form.finish()

    async def replay(self) -> Message:
        """The body as one message, as Django asks for it, and after it what the server says."""
        if self._replayed:
            return await self._receive()
        self._replayed = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def close(self) -> None:
        """Remove the files that no view has stored."""
        if self._form is not None:
            # In the thread of the view, so after it: it goes on when the sender hangs up, and may still store them.
            await sync_to_async(self._form.close)()

    async def _feed(self, form: IncomingForm, pieces: AsyncIterator[bytes]) -> None:
        """Write each piece while the next one arrives."""
        writing: asyncio.Future[None] | None = None
        try:
            async for piece in pieces:
                if writing is not None:
                    await writing
                writing = self._on_disk(form.feed, piece)
        finally:
            if writing is not None:
                await writing

    async def _pieces(self, limit_bytes: int, refusal: type[BodyRefusedError]) -> AsyncIterator[bytes]:
        """The body in pieces of about PIECE_BYTES, as long as it keeps to the limits of size and time."""
        if self._declared_bytes() > limit_bytes:
            raise refusal
        deadline = time.monotonic() + settings.UPLOAD_MAX_SECONDS
        waiting: list[bytes] = []
        waiting_bytes = 0
        while not self.complete:
            chunk = await self._next_chunk(deadline)
            waiting.append(chunk)
            waiting_bytes += len(chunk)
            limit_bytes -= len(chunk)
            if limit_bytes < 0:
                raise refusal
            if waiting_bytes >= PIECE_BYTES or self.complete:
                yield b"".join(waiting)
                waiting, waiting_bytes = [], 0

    async def _next_chunk(self, deadline: float) -> bytes:
        seconds = min(settings.UPLOAD_IDLE_SECONDS, deadline - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                message = await self._receive()
        except TimeoutError:
            raise TooSlowError from None
        if message["type"] == "http.disconnect":
            raise RequestAborted
        self.complete = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def _declared_bytes(self) -> int:
        declared = self._headers.get(b"content-length", "")
        return int(declared) if declared.isdecimal() else 0

    def _comes_from_somebody(self) -> bool:
        """Whether the request brings a session or a key; that they are good is for the view to say."""
        cookie = f"{settings.SESSION_COOKIE_NAME}="
        return b"authorization" in self._headers or cookie in self._headers.get(b"cookie", "")

    def _on_disk(self, call: Callable[..., None], *args: bytes) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(_disk, call, *args)


class _Lingering:
    """The channels of a refused request: the rest of its body is dropped until the answer is read."""

    def __init__(self, receive: Receive, send: Send, *, dropping: bool) -> None:
        self._receive = receive
        self._send = send
        self._replayed = False
        self._quiet = asyncio.Event()
        if not dropping:
            self._quiet.set()

    async def receive(self) -> Message:
        """An empty body, and after it the disconnect, whatever still comes between them."""
        if not self._replayed:
            self._replayed = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while (message := await self._receive())["type"] != "http.disconnect":
            if not message.get("more_body", False):
                self._quiet.set()
        self._quiet.set()
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on and announce the end of the connection, which comes once the sender is quiet."""
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        elif not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._quiet.wait()
            message = {"type": "http.response.body"}
        await self._send(message)


def pool_connections() -> None:
    """Have all requests of this process share a few connections to PostgreSQL; SQLite's cost nothing to open.

    Under ASGI each request has a thread of its own. A connection that is kept for the next request is kept by that
    thread, where nobody finds it again; it stays open until the garbage collector comes by.
    """
    for database in settings.DATABASES.values():
        if database["ENGINE"] == "django.db.backends.postgresql":
            pool = {"min_size": 0, "max_size": settings.DATABASE_POOL_SIZE, "timeout": POOL_WAIT_SECONDS}
            database["CONN_MAX_AGE"] = 0
            database["OPTIONS"] = {"pool": pool, **database.get("OPTIONS", {})}


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
refuse_unsafe_settings()
pool_connections()
application = Handler()
load_site()
