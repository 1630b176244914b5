"""The reading options that a sender may set by hand, checked before they are stored."""

import codecs
from collections.abc import Mapping
from typing import Any

from validations.intake import UploadRefusedError

_NAMED = {"\\t": "\t", "tab": "\t", "space": " "}
_TEXT_OPTIONS = ("delimiter", "quotechar", "escapechar")
# Notes above a table are shorter.
LAST_HEADER_LINE = 10_000
LAST_SHEET = 100


def clean_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were set, in the form in which the engine takes them; empty ones are left out.

    Raises: UploadRefusedError naming the option that is not valid.
    """
    cleaned: dict[str, Any] = {}
    if encoding := str(options.get("encoding") or "").strip():
        cleaned["encoding"] = _encoding(encoding)
    for name in _TEXT_OPTIONS:
        if value := str(options.get(name) or ""):
            cleaned[name] = _character(name, value)
    if (header_line := options.get("header_line")) not in (None, ""):
        cleaned["header_line"] = _number("header_line", header_line, least=0, most=LAST_HEADER_LINE)
    if (sheet := options.get("sheet")) not in (None, ""):
        cleaned["sheet"] = _number("sheet", sheet, least=1, most=LAST_SHEET)
    return cleaned


def _encoding(name: str) -> str:
    try:
        info = codecs.lookup(name)
        # Codecs such as base64 or rot13 are no text encodings; decoding with them tells.
        b"a".decode(info.name)
    except (LookupError, ValueError):
        raise UploadRefusedError("option-invalid", option="encoding") from None
    return info.name


def _character(name: str, value: str) -> str:
    if name == "quotechar" and value.lower() == "none":
        return ""
    value = _NAMED.get(value.lower(), value)
    if len(value) != 1 or value in "\r\n\0":
        raise UploadRefusedError("option-invalid", option=name)
    return value


def _number(name: str, value: Any, *, least: int, most: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise UploadRefusedError("option-invalid", option=name)
    return number
