"""What spreadsheet programs leave in a text table that is no part of it.

`="0123"` keeps the zeros of a number when Excel opens the file. A sheet that was pasted and saved once more has each
line quoted as a whole. Both are undone on the bytes of a block, so that the lines behind are as RFC 4180 wants them.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

# in a sample, before the delimiter is known
_SAMPLED_FORMULA = re.compile(
    r'(^|[;,\t|^~])(?:="([^"\r\n]*)"|"=""([^"\r\n]*)""")(?=[;,\t|^~\r\n]|$)', re.MULTILINE
)
_WHOLE_LINE = re.compile(rb'^"((?:[^"\n]|"")*+)"(?=\r?$)', re.MULTILINE)
FORMULA_MARKS = (b'="', b'"=""')


@lru_cache(maxsize=16)
def formula_pattern(delimiter: bytes) -> re.Pattern[bytes]:
    """Cells written as `="text"`, bare or quoted; with `TEXT_CELL` for its replacement, they become quoted texts."""
    mark = re.escape(delimiter)
    return re.compile(
        rb"(^|" + mark + rb')(?:="([^"\n]*+)"|"=""([^"\n]*+)""")(?=' + mark + rb"|\r?$)", re.MULTILINE
    )


TEXT_CELL = rb'\1"\2\3"'


def without_formulas(sample: str) -> str:
    """A sample with `="text"` cells as quoted texts."""
    return _SAMPLED_FORMULA.sub(r'\1"\2\3"', sample) if '="' in sample or '"=""' in sample else sample


def are_quoted_lines(lines: Sequence[str]) -> bool:
    """True when each line that holds anything stands in marks as a whole."""
    filled = [line for line in lines if line.strip()]
    return len(filled) > 1 and all(len(line) > 1 and line[0] == line[-1] == '"' for line in filled)


def unquoted_line(line: str) -> str:
    """A line without the marks around it, those inside it single again."""
    return line[1:-1].replace('""', '"') if line.strip() else line


def unquoted_lines(data: bytes) -> bytes:
    """Lines of a block without the marks around them."""
    return _WHOLE_LINE.sub(lambda match: match[1].replace(b'""', b'"'), data)
