"""What a browser would send of a form: the names and values that the page shows."""

from html.parser import HTMLParser


class _FormReader(HTMLParser):
    """Collects the fields of the last form that has the class asked for."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted
        self.fields: dict[str, str] = {}
        self.is_inside = False
        self.select = ""
        self.textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form" and self.wanted in told.get("class", "").split():
            self.is_inside, self.fields = True, {}
        if not self.is_inside:
            return
        name = told.get("name", "")
        if tag == "input" and name:
            if told.get("type") != "checkbox" or "checked" in told:
                self.fields[name] = told.get("value", "on" if told.get("type") == "checkbox" else "")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select:
            if "selected" in told or self.select not in self.fields:
                self.fields[self.select] = told.get("value", "")
        elif tag == "textarea":
            self.textarea = name
            self.fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.fields[self.textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "select":
            self.select = ""
        elif tag == "textarea" and self.textarea:
            self.fields[self.textarea] = self.fields[self.textarea].removeprefix("\r\n").removeprefix("\n")
            self.textarea = ""


def fields_of(content: bytes, form_class: str) -> dict[str, str]:
    """The fields of the page's form of that class, as a browser sends them untouched."""
    reader = _FormReader(form_class)
    reader.feed(content.decode())
    return reader.fields
