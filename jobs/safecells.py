"""Cells that a spreadsheet shows and never runs, whatever a file had in them."""

import re

# A cell that begins so would be run as a formula by a spreadsheet; the last four are full-width.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
# Digits in groups, one sign before them, at most a dollar sign behind: nothing there can act.
_NUMBER = re.compile(r"[+-]\d+(?:[ \u00a0\u202f.,]\d+)*(?:[ \u00a0\u202f]?\$)?", re.ASCII)


def safe_cell(text: str) -> str:
    """The text, after an apostrophe when a spreadsheet would read it as a formula; numbers stay numbers."""
    if not text.startswith(FORMULA_STARTS) or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"
