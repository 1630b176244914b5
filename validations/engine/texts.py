"""Every sentence the engine says to a reader, by code and language.

A code (of a rule or of a table error) brings one `CodeTexts`. Templates name their values: `{count}`,
`{amount_cents:money}`, `{day:date}`, `{lines:list}`, `{share:percent}`, `{value:text}` and
`{count|line|lines}`. They are filled by one pass of a fixed pattern, never by `str.format`: a value is only
ever text, whatever braces, markup or control characters stand in it.
"""

import importlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from jobs.registry import Registry

ENGLISH = "en"
FRENCH = "fr"
NO_BREAK_SPACE = "\u00a0"
# A message is one sentence in a table cell; a longer value is shown by the page beside it, not inside the sentence.
VALUE_LENGTH = 80
# Twelve line numbers fit one table cell; the rest is counted.
LIST_LENGTH = 12

_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([a-z]+))?(?:\|([^|{}]*)\|([^|{}]*))?\}")
_FRENCH_SPACES = ((" :", ":"), (" ;", ";"), (" ?", "?"), (" !", "!"), (" »", "»"), (" $", "$"), (" %", "%"))
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class UnknownCodeError(LookupError):
    """No text is known for this code."""


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in the languages of the project.

    The French side gets its no-break spaces and typographic apostrophes here, so that no author can forget them.
    """

    en: str
    fr: str

    def __post_init__(self) -> None:
        """The French text, typeset."""
        object.__setattr__(self, "fr", typeset_french(self.fr))

    def to(self, language: str) -> str:
        """The sentence in the language asked for, English where it is not French (`fr`, `fr-ca` ...)."""
        return self.fr if language.lower().startswith(FRENCH) else self.en


@dataclass(frozen=True, slots=True)
class CodeTexts:
    """What is said about one code.

    `messages` holds other wordings of the message, chosen by the parameter `case`.
    """

    code: str
    severity: str
    title: Text
    message: Text
    explanation: Text
    fix: Text
    messages: Mapping[str, Text] = field(default_factory=dict)


CATALOG: Registry[CodeTexts] = Registry("code")


def typeset_french(text: str) -> str:
    """The text with no-break spaces where French wants them and curly apostrophes."""
    for plain, mark in _FRENCH_SPACES:
        text = text.replace(plain, NO_BREAK_SPACE + mark)
    return text.replace("« ", "«" + NO_BREAK_SPACE).replace("'", "’")


# The code of every rule that staff wrote begins so, that none is ever taken for one of the shipped ones.
OWN_PREFIX = "own-"
# Tells the texts of a code, in a version or (None) the newest, that is in no module: rules that staff wrote.
Resolver = Callable[[str, int | None], CodeTexts | None]
_RESOLVERS: list[Resolver] = []


def resolve_with(resolver: Resolver) -> None:
    """Ask this one too for codes that no module brings."""
    if resolver not in _RESOLVERS:
        _RESOLVERS.append(resolver)


def register(texts: CodeTexts) -> CodeTexts:
    """The texts themselves, now known under their code."""
    return CATALOG.register(texts.code, texts)


@cache
def _load() -> None:
    """Import whatever brings texts, once."""
    importlib.import_module("validations.engine.table_errors")
    importlib.import_module("validations.engine.schema")
    importlib.import_module("validations.engine.runner")
    CATALOG.discover("validations.engine.rules")


def known_codes() -> tuple[str, ...]:
    """Every code a finding can carry, in alphabetical order."""
    _load()
    return tuple(sorted(CATALOG))


def texts_of(code: str, version: int | None = None) -> CodeTexts:
    """Everything said about a code; of a rule that staff wrote, in the version asked for or the newest.

    Raises: UnknownCodeError when no rule and no table error has that code.
    """
    _load()
    if code in CATALOG:
        return CATALOG[code]
    for resolver in _RESOLVERS:
        if (found := resolver(code, version)) is not None:
            return found
    raise UnknownCodeError(code)


def title(code: str, language: str) -> str:
    """The name of a code, as a heading."""
    return texts_of(code).title.to(language)


def explanation(code: str, language: str) -> str:
    """What the check behind a code demands and why."""
    return texts_of(code).explanation.to(language)


def fix(code: str, language: str) -> str:
    """What the reader can do about a finding with this code."""
    return texts_of(code).fix.to(language)


def message(code: str, params: Mapping[str, Any], language: str) -> str:
    """One finding as a sentence."""
    version = params.get("version")
    texts = texts_of(code, version if isinstance(version, int) else None)
    template = texts.messages.get(str(params.get("case", "")), texts.message)
    return render(template.to(language), params, language)


def render(template: str, params: Mapping[str, Any], language: str) -> str:
    """The template with its values put in, each exactly once and only as text.

    A value given as `name_en` and `name_fr` is taken in the reader's language.
    """

    is_french = language.lower().startswith(FRENCH)

    def fill(match: re.Match[str]) -> str:
        name, kind, one, many = match.groups()
        value = params.get(f"{name}_{FRENCH if is_french else ENGLISH}", params.get(name))
        if one is not None:
            return (one if is_singular(value, language) else many) or ""
        return "…" if value is None else _FORMATTERS.get(kind or "auto", _auto)(value, language)

    return _PLACEHOLDER.sub(fill, template)


def is_singular(count: object, language: str) -> bool:
    """Whether a noun counted by this number stands in the singular: 1 in English, below 2 in French."""
    number = _number(count)
    if number is None:
        return False
    size = abs(Decimal(number))
    return size < 2 if language.lower().startswith(FRENCH) else size == 1


def format_money(amount_cents: int, language: str) -> str:
    """An amount as its reader writes it: `1 234,56 $` or `$1,234.56`."""
    sign = "-" if amount_cents < 0 else ""
    whole, cents = divmod(abs(amount_cents), 100)
    grouped = f"{whole:,}"
    if language.lower().startswith(FRENCH):
        return f"{sign}{grouped.replace(',', NO_BREAK_SPACE)},{cents:02d}{NO_BREAK_SPACE}$"
    return f"{sign}${grouped}.{cents:02d}"


def format_number(number: Decimal | int, language: str) -> str:
    """A number with its groups of three and no useless zeros: `1 234,5` or `1,234.5`."""
    text = f"{number:,f}" if isinstance(number, Decimal) else f"{number:,d}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if language.lower().startswith(FRENCH):
        return text.replace(",", NO_BREAK_SPACE).replace(".", ",")
    return text


def plain(value: object) -> str:
    """A value of a file as harmless text on one line: control and direction marks shown as �, cut to a bound."""
    text = str(value)
    cut = text[:VALUE_LENGTH]
    cut = "".join(
        "�" if c in _BIDI_CONTROLS or unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in cut
    )
    return cut + ("…" if len(text) > VALUE_LENGTH else "")


def _number(value: object) -> Decimal | int | None:
    """The value as an exact number, None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, int):
        return value
    try:
        number = Decimal(str(value)[:VALUE_LENGTH])
    except ArithmeticError:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < VALUE_LENGTH else None


def _auto(value: object, language: str) -> str:
    """Numbers by the language's habits, lists with commas, the rest as text."""
    if isinstance(value, list | tuple):
        return _list(value, language)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _as_number(value, language)
    return plain(value)


def _as_number(value: object, language: str) -> str:
    number = _number(value)
    return plain(value) if number is None else format_number(number, language)


def _money(value: object, language: str) -> str:
    number = _number(value)
    return plain(value) if number is None else format_money(int(number), language)


def _percent(value: object, language: str) -> str:
    """A share of one as a percentage with at most one decimal."""
    number = _number(value)
    if number is None:
        return plain(value)
    text = format_number(round(Decimal(number) * 100, 1), language)
    return f"{text}{NO_BREAK_SPACE}%" if language.lower().startswith(FRENCH) else f"{text}%"


def _date(value: object, language: str) -> str:
    """A day in the ISO form, which Canadian readers of both languages write."""
    return value.isoformat() if isinstance(value, date) else plain(value)[:10]


def _list(value: object, language: str) -> str:
    """The first items with commas between them, and how many more there are."""
    items = list(value) if isinstance(value, list | tuple) else [value]
    shown = ", ".join(plain(item) for item in items[:LIST_LENGTH])
    return shown + (", …" if len(items) > LIST_LENGTH else "")


def _text(value: object, language: str) -> str:
    return plain(value)


_FORMATTERS: dict[str, Callable[[object, str], str]] = {
    "auto": _auto,
    "text": _text,
    "number": _as_number,
    "money": _money,
    "percent": _percent,
    "date": _date,
    "list": _list,
}
