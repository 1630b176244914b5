"""A browser of few words, at a small site of the test's own."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from config.visitor import VisitError, Visitor, forms_of

PAGE = """<form action="/language/"><button name="language" value="fr">Français</button></form>
<form method="post"><input type="hidden" name="token" value="&amp;x"><input type="checkbox" name="off">
<input type="checkbox" name="on" value="1" checked><input name="name" value="é">
<select name="profile"><option value="a">A<option value="b" selected>B</select>
<select name="first"><option value="">Detect<option value="c">C</select>
<input type="file" name="files"></form>"""


class _Site(BaseHTTPRequestHandler):
    """Serves the page and answers a form with what it received."""

    def do_GET(self) -> None:
        self._answer(500 if self.path == "/broken" else 200, PAGE.encode())

    def do_POST(self) -> None:
        self._answer(200, self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_args: object) -> None:
        """Nothing: a test's output is for failures."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with HTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Visitor(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_a_form_begins_with_the_values_of_its_page() -> None:
    form = forms_of(PAGE)[1]
    assert form.fields == {"token": "&x", "on": "1", "name": "é", "profile": "b", "first": ""}
    assert form.file_fields == ["files"]


def test_a_form_is_sent_with_file_and_untouched_fields(visitor: Visitor) -> None:
    _address, body = visitor.submit("/", {"name": "à"}, {"files": ("a.csv", b"1;2\r\n")})
    assert 'name="token"\r\n\r\n&x\r\n' in body
    assert 'name="name"\r\n\r\nà\r\n' in body
    assert 'name="files"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n1;2\r\n' in body


def test_a_page_without_the_wanted_form_is_an_error(visitor: Visitor) -> None:
    with pytest.raises(VisitError, match="no form with the fields password"):
        visitor.submit("/", {"password": "x"})


def test_an_error_page_is_an_error(visitor: Visitor) -> None:
    with pytest.raises(VisitError, match="/broken answered 500"):
        visitor.get("/broken")


def test_a_site_that_never_opens_is_given_up_in_time() -> None:
    with pytest.raises(VisitError, match="does not answer"):
        Visitor("http://127.0.0.1:9").wait_until_open("/", seconds=0.1)
