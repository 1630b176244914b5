"""How dates and times are written: the formats of the standard, the usual ones, and any strptime pattern.

A pattern becomes a regular expression that a cell must fit before DuckDB parses it, and the words a reader knows it
by. Years go from 1000 to 2999: no record is older, and a slip of the finger is not a date of the year 20260.

Source: https://specs.frictionlessdata.io/table-schema/ (date, time, datetime)
"""

import re
from collections.abc import Mapping

# Formats that a column of dates may be found to use: the standard's name, the shape of a cell, how the reader sees it.
DATE_FORMATS: Mapping[str, tuple[str, str]] = {
    "%Y-%m-%d": (r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}", "YYYY-MM-DD"),
    "%d/%m/%Y": (r"[0-9]{2}/[0-9]{2}/[12][0-9]{3}", "DD/MM/YYYY"),
    "%m/%d/%Y": (r"[0-9]{2}/[0-9]{2}/[12][0-9]{3}", "MM/DD/YYYY"),
    "%Y/%m/%d": (r"[12][0-9]{3}/[0-9]{2}/[0-9]{2}", "YYYY/MM/DD"),
    "%d-%m-%Y": (r"[0-9]{2}-[0-9]{2}-[12][0-9]{3}", "DD-MM-YYYY"),
    "%d.%m.%Y": (r"[0-9]{2}\.[0-9]{2}\.[12][0-9]{3}", "DD.MM.YYYY"),
    "%Y%m%d": (r"[12][0-9]{7}", "YYYYMMDD"),
    "%Y-%m-%dT%H:%M:%SZ": (
        r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
        "YYYY-MM-DDThh:mm:ssZ",
    ),
}
# The directives that Python and DuckDB read alike: the shape of what stands there, and what the reader calls it. Day
# and month names are the English ones.
_TWO = "[0-9]{1,2}"
_DIRECTIVES: Mapping[str, tuple[str, str]] = {
    "Y": ("[12][0-9]{3}", "YYYY"),
    "y": ("[0-9]{2}", "YY"),
    "m": (_TWO, "MM"),
    "d": (_TWO, "DD"),
    "H": (_TWO, "hh"),
    "I": (_TWO, "hh"),
    "M": (_TWO, "mm"),
    "S": (_TWO, "ss"),
    "f": ("[0-9]{1,6}", "ffffff"),
    "j": ("[0-9]{1,3}", "DDD"),
    "p": ("[AaPp][Mm]", "AM"),
    "b": ("[A-Za-z]{3}", "Jan"),
    "B": ("[A-Za-z]{3,9}", "January"),
    "a": ("[A-Za-z]{3}", "Mon"),
    "A": ("[A-Za-z]{6,9}", "Monday"),
    "z": ("(?:Z|[+-][0-9]{2}:?[0-9]{2})", "+hh:mm"),
    "%": ("%", "%"),
}
_ESCAPED = re.compile("%(.?)", re.DOTALL)


def is_pattern(text: str) -> bool:
    """Whether a text is a strptime pattern of which every directive is known."""
    found = _ESCAPED.findall(text)
    return bool(found) and all(directive in _DIRECTIVES for directive in found)


def written(pattern: str) -> tuple[str, str]:
    """The shape of a cell in this format, as a regular expression, and the format as its reader knows it."""
    if pattern in DATE_FORMATS:
        return DATE_FORMATS[pattern]
    literals = _ESCAPED.split(pattern)
    shape, shown = "", ""
    for index, part in enumerate(literals):
        is_directive = index % 2 == 1
        shape += _DIRECTIVES[part][0] if is_directive else re.escape(part)
        shown += _DIRECTIVES[part][1] if is_directive else part
    return shape, shown
