"""The web edge under test: the real server in a thread, and a client that may misbehave."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import uvicorn

BOUNDARY = "----bordereau-test-boundary"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
# An upload from nobody is refused early; these tests are about what comes after.
SESSION = "sessionid=some-session"


@contextmanager
def serving(application: Any, *, lifespan: Literal["on", "off"] = "off") -> Iterator[int]:
    """The port of a real web server that serves the application until the block ends."""
    config = uvicorn.Config(
        application, port=0, lifespan=lifespan, log_config=None, timeout_graceful_shutdown=1, loop="uvloop"
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class RawClient:
    """A client that decides itself what it sends and when."""

    def __init__(self, port: int, timeout_seconds: float = 10) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds)

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send these bytes and no others."""
        self._socket.sendall(data)

    def start(self, path: str, *, method: str = "POST", **headers: str) -> None:
        """Send the head of a request; an underscore in a header's name stands for a hyphen."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def answer(self) -> Answer:
        """The next answer, whole."""
        with self._socket.makefile("rb") as source:
            status = int(source.readline().split()[1])
            headers = {}
            while line := source.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            length = headers.get("content-length")
            body = source.read(int(length)) if length is not None else b""
        return Answer(status, headers, body)

    def has_something_to_read(self, *, within_seconds: float) -> bool:
        """Whether the server says something in that time."""
        return bool(select.select([self._socket], [], [], within_seconds)[0])

    def read(self) -> bytes:
        """What has come and was not read; empty when the server has closed."""
        return self._socket.recv(65536)

    def is_closed_by_server(self) -> bool:
        """Whether the server ends the connection before the client's time-out."""
        try:
            while self._socket.recv(65536):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def field(name: str, value: str) -> bytes:
    """One text field of a form."""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name: str, file_name: str, content: bytes, content_type: str = "text/csv") -> bytes:
    """One file of a form."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form of these parts."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(port: int, path: str, body: bytes, **headers: str) -> Answer:
    """The answer to a form that is sent as a browser sends it."""
    with RawClient(port) as client:
        headers = {"Content_Type": FORM_TYPE, "Cookie": SESSION, **headers}
        client.start(path, Content_Length=str(len(body)), **headers)
        client.send(body)
        return client.answer()
