"""What a cell looks like: one word per cell, from its text alone, for detection and for repair.

This is not typing: a profile decides what a column must hold. It only tells a date from a name.
"""

import re
from functools import lru_cache

KIND = re.compile(
    r"""\s*(?:
      (?P<empty>)
    | (?P<integer>[-+]?\d{1,18})
    | (?P<decimal>[-+]?(?:\d{1,3}(?:[ \u00a0\u202f'.,]\d{3})+|\d{1,18})?[.,]\d{1,20}(?:[eE][-+]?\d{1,3})?)
    | (?P<grouped>[-+]?\d{1,3}(?:[ \u00a0\u202f',.]\d{3})+)
    | (?P<money>(?:
          [-+(]?\s?[$€£¥]\s?[-+]?[\d., \u00a0\u202f]{1,24}\)?
        | [-+(]?[\d., \u00a0\u202f]{1,24}[ \u00a0\u202f]?[$€£¥]\)?
      ))
    | (?P<percent>[-+]?\d{1,12}(?:[.,]\d{1,12})?\s?%)
    | (?P<date>
          \d{4}[-/.]\d{1,2}[-/.]\d{1,2}
        | \d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})
        | \d{1,2}[-\s][A-Za-zéû]{3,9}\.?[-\s](?:\d{4}|\d{2})
      )
    | (?P<time>\d{1,2}[:hH]\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\.?)?)
    | (?P<datetime>
          \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[T\s]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?
          \s?(?:Z|[-+]\d{2}:?\d{2}|[AaPp][Mm])?
      )
    | (?P<url>(?:https?://|www\.)[^\s"<>]{1,2000})
    | (?P<email>[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8})
    | (?P<code>(?=[^\d\s]{0,60}\d)[\w]+(?:[-_./:#][\w]+){0,12})
    | (?P<word>[^\W\d_]+(?:['’._/-][^\W\d_]+){0,8}\.?)
    )\s*""",
    re.VERBOSE,
)
KIND_CHARS = 400  # a longer cell is text; matching stays bounded
REMEMBERED_CHARS = 40  # longer cells are sentences, which seldom come twice
MOST_SPACES = 6  # no number, date or amount holds more
TYPED = frozenset(
    {"integer", "decimal", "grouped", "money", "percent", "date", "time", "datetime", "url", "email", "code"}
)
NUMERIC = frozenset({"integer", "decimal", "grouped", "money", "percent"})
TEXT = "text"


def kind(cell: str) -> str:
    """The kind of a cell: empty, integer, decimal, money, date, time, ..., code, word or text."""
    if not cell:
        return "empty"
    if len(cell) <= REMEMBERED_CHARS:
        return _remembered_kind(cell)
    if len(cell) > KIND_CHARS:
        return TEXT
    return _kind(cell)


def _kind(cell: str) -> str:
    if cell.count(" ") > MOST_SPACES:
        return TEXT
    match = KIND.fullmatch(cell)
    return (match.lastgroup or TEXT) if match else TEXT


# Each way to cut a sample into cells meets the same dates, codes and amounts again, as does the next small file.
_remembered_kind = lru_cache(maxsize=20_000)(_kind)


def same_kind(one: str, other: str) -> bool:
    """True when two cells of these kinds could stand in one column."""
    return one == other or (one in NUMERIC and other in NUMERIC)


def letter(index: int) -> str:
    """The letters of a column in a spreadsheet: A, B, ... Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
