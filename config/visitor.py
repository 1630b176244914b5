"""A visitor of the site: a browser of few words, which keeps cookies, follows redirects and fills in forms."""

import http.client
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar

# The first start compiles, migrates and warms caches.
START_SECONDS = 60.0
_POLL_SECONDS = 0.1
_REQUEST_SECONDS = 30.0


class VisitError(Exception):
    """The site did not answer as a visitor needs it; the message says where."""


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes and what it would send untouched."""

    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    file_fields: list[str] = field(default_factory=list)


class _FormReader(HTMLParser):
    """Collects the forms of a page with the values that their fields begin with."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, a field, or the option with which a list begins."""
        values = {name: value or "" for name, value in attrs}
        name = values.get("name", "")
        if tag == "form":
            self.forms.append(Form(action=values.get("action", "")))
        elif self.forms and tag == "input" and name:
            self._take_input(self.forms[-1], name, values)
        elif self.forms and tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self._take_option(self.forms[-1], values)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a list."""
        if tag == "select":
            self._select = ""

    def _take_option(self, form: Form, values: dict[str, str]) -> None:
        if "selected" in values or self._select not in form.fields:
            form.fields[self._select] = values.get("value", "")

    @staticmethod
    def _take_input(form: Form, name: str, values: dict[str, str]) -> None:
        kind = values.get("type", "text")
        if kind == "file":
            form.file_fields.append(name)
        elif kind not in ("checkbox", "radio", "submit", "button") or "checked" in values:
            form.fields[name] = values.get("value", "")


def forms_of(page: str) -> list[Form]:
    """The forms of the page, in its order."""
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


class Visitor:
    """Somebody with a browser: keeps cookies, follows redirects, fills in forms."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        """The page's text.

        Raises: VisitError, when the site does not answer or answers with an error.
        """
        return self._open(urllib.request.Request(self._absolute(path)))[1]  # noqa: S310 -- http, to our own site

    def submit(
        self, path: str, chosen: dict[str, str], files: dict[str, tuple[str, bytes]] | None = None
    ) -> tuple[str, str]:
        """The address and text of the page that follows the form on that page with these fields.

        Raises: VisitError, when the page has no such form or the site refuses it.
        """
        wanted = {*chosen, *(files or {})}
        for form in forms_of(self.get(path)):
            if wanted <= {*form.fields, *form.file_fields}:
                break
        else:
            raise VisitError(f"The page {path} has no form with the fields {', '.join(sorted(wanted))}.")
        body, content_type = multipart(form.fields | chosen, files or {})
        target = urllib.parse.urljoin(self._absolute(path), form.action or path)
        headers = {"Content-Type": content_type, "Referer": self._absolute(path)}
        return self._open(urllib.request.Request(target, body, headers))  # noqa: S310 -- http, to our own site

    def wait_until_open(self, path: str, seconds: float = START_SECONDS) -> None:
        """Return as soon as the site answers.

        Raises: VisitError, when it does not in that time.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.get(path)
            except VisitError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _absolute(self, path: str) -> str:
        return urllib.parse.urljoin(self.address, path)

    def _open(self, request: urllib.request.Request) -> tuple[str, str]:
        try:
            with self._opener.open(request, timeout=_REQUEST_SECONDS) as answer:
                return answer.geturl(), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise VisitError(f"{request.full_url} answered {error.code} {error.reason}.") from error
        except (OSError, http.client.HTTPException) as error:
            raise VisitError(f"{request.full_url} does not answer: {error}.") from error


def multipart(fields: dict[str, str], files: dict[str, tuple[str, bytes]]) -> tuple[bytes, str]:
    """The body that a browser sends for these fields and files (name, content), and its content type."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, (file_name, content) in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        parts += [f"{head}Content-Type: text/csv\r\n\r\n".encode(), content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
