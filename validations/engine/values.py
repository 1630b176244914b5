"""How a cell becomes a value: for each type the plain form, read cheaply, and the other forms that mean the same.

Everything here is SQL text over one cell. A value read from the plain form can be written back as exactly the same
text (`text`), so the typed table need not keep the cells.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from validations.engine.profile import DATE_FORMATS, Field, Profile
from validations.engine.rules import FieldFacts, decimal_text, literal, literals
from validations.engine.texts import Text

# What people and programs put around a value without meaning it: space, tab, no-break spaces, zero-width marks.
BLANKS = " \t\r\n\u00a0\u202f\u2007\u2009\u200b\ufeff"
_BLANK_CLASS = r"[ \t\r\n\x{a0}\x{202f}\x{2007}\x{2009}\x{200b}\x{feff}]"
FULL_WIDTH_DIGITS = "０１２３４５６７８９"
# From this length on the text of an identifier takes more room than the number; 18 digits fit 64 bits.
LONG_IDENTIFIER = 7
MAX_INTEGER_DIGITS = 18
_GROUP = r"[ \x{a0}\x{202f}]"
# 13 digits before the comma are ten trillion dollars: more is a slip, and whole cents must fit 64 bits.
_MAX_WHOLE_DIGITS = 13


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """One field as it stands in `typed`: how its plain form is read, how the other forms, and into what SQL type.

    `fast` reads the plain form and is NULL for all others; `slow` reads those. `text` writes a value read by
    `fast` back
    as the cell it came from; `also_plain` tells which other forms are as good as the plain one. Both have `{0}`
    for their operand. `pattern` is the date format decided for the column.
    """

    field: Field
    index: int | None
    sql_type: str
    fast: str
    slow: str
    form: Text
    text: str = "{0}"
    also_plain: str = ""
    pattern: str = ""

    @property
    def facts(self) -> FieldFacts:
        """What rules may know of it."""
        return FieldFacts(
            name=self.field.name,
            column=self.field.column,
            index=self.index,
            is_required=self.field.constraints.required,
            error_code=self.field.error_code,
            title_en=self.field.title.en,
            title_fr=self.field.title.fr,
            form_en=self.form.en,
            form_fr=self.form.fr,
            pattern=self.pattern,
        )


# How a type is called in a message.
TYPE_NAMES: Mapping[str, Text] = {
    "string": Text("a text", "un texte"),
    "integer": Text("a whole number", "un nombre entier"),
    "number": Text("a number", "un nombre"),
    "date": Text("a date", "une date"),
    "time": Text("a time", "une heure"),
    "datetime": Text("a date with a time", "une date avec une heure"),
    "boolean": Text("true or false", "vrai ou faux"),
    "year": Text("a year", "une année"),
    "any": Text("a text", "un texte"),
}


def blank(text: str) -> str:
    """The SQL condition that a cell holds nothing to read."""
    return f"({text} IS NULL OR {text} = '' OR regexp_full_match({text}, '{_BLANK_CLASS}*'))"


def clean(text: str) -> str:
    """The SQL of a cell without blanks around it and with ASCII digits for full-width ones."""
    return f"translate(trim({text}, {literal(BLANKS)}), '{FULL_WIDTH_DIGITS}', '0123456789')"


def plan(profile: Profile, indexes: Mapping[str, int], decided: Mapping[str, str]) -> tuple[TypedColumn, ...]:
    """How every field of the profile is read from its column; fields without a column are NULL throughout."""
    return tuple(
        _column(entry, indexes.get(entry.name), decided.get(entry.name, "")) for entry in profile.fields
    )


def _column(entry: Field, index: int | None, pattern: str) -> TypedColumn:
    """The expressions that read one field."""
    raw = f"r{index}"
    builder = _BUILDERS.get("money" if entry.unit == "cents" else entry.type, _string)
    return TypedColumn(entry, index, *builder(entry, f"c{index}", raw, pattern), pattern)


# SQL type, plain reading, other readings, form in words, text of a plain value, other forms as good.
Built = tuple[str, str, str, Text, str, str]


def _string(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    form = Text("text without spaces around it", "texte sans espaces autour")
    if (digits := _fixed_digits(entry)) is not None:
        return _digits(entry, cell, raw, digits)
    if entry.constraints.pattern is not None:
        form = expected_form(entry)
        shape = literal(entry.constraints.pattern)
        fast = f"CASE WHEN {_matches(cell, entry.constraints.pattern)} THEN {cell} END"
        slow = f"(CASE WHEN regexp_full_match({clean(raw)}, {shape}) THEN {clean(raw)} END)"
        return "VARCHAR", fast, slow, form, "{0}", ""
    edges = f"'^{_BLANK_CLASS}|{_BLANK_CLASS}$'"
    fast = f"CASE WHEN {cell} <> '' AND NOT regexp_matches({cell}, {edges}) THEN {cell} END"
    return "VARCHAR", fast, f"trim({raw}, {literal(BLANKS)})", form, "{0}", ""


def _matches(cell: str, pattern: str) -> str:
    """The SQL condition that a cell fits a pattern; a free rest (`(?:[ ,].*)?`) is not read to its end."""
    rest = re.search(r"\(\?:(\[[^\[\]]+\])\.\*\)\?$", pattern)
    if rest is None or "|" in re.sub(r"\([^()]*\)", "", pattern):
        return f"regexp_full_match({cell}, {literal(pattern)})"
    return f"regexp_matches({cell}, {literal(f'^{pattern[: rest.start()]}(?:{rest.group(1)}|$)')})"


def _fixed_digits(entry: Field) -> int | None:
    """How many digits a long identifier has, where its pattern says exactly that and nothing else is demanded."""
    found = re.fullmatch(r"\[0-9\]\{(\d+)\}", entry.constraints.pattern or "")
    demands = entry.constraints
    if (
        found is None
        or demands.enum
        or demands.minimum
        or demands.maximum
        or demands.min_length
        or demands.max_length
    ):
        return None
    digits = int(found.group(1))
    return digits if LONG_IDENTIFIER <= digits <= MAX_INTEGER_DIGITS and entry.key_length is None else None


def _digits(entry: Field, cell: str, raw: str, digits: int) -> Built:
    """A long identifier as a number, which takes a third of the space of its text and compares faster."""

    def read(text: str) -> str:
        return f"CASE WHEN regexp_full_match({text}, '[0-9]{{{digits}}}') THEN TRY_CAST({text} AS BIGINT) END"

    written = f"lpad({{0}}::VARCHAR, {digits}, '0')"
    return (
        "BIGINT",
        read(cell),
        f"({read(clean(raw))})",
        expected_form(entry),
        written,
        "",
    )


def expected_form(entry: Field) -> Text:
    """What a value with a pattern must look like: the profile's own words, else `9 digits` for `[0-9]{9}`."""
    if entry.expected.en:
        return entry.expected
    digits = re.fullmatch(r"(?:\[0-9\]|\\d)\{(\d+)(?:,(\d+))?\}", entry.constraints.pattern or "")
    if digits is None:
        return Text("the form this column has in the profile", "la forme que le profil donne à cette colonne")
    low, high = digits.groups()
    if high:
        return Text(f"{low} to {high} digits", f"{low} à {high} chiffres")
    return Text("1 digit", "1 chiffre") if low == "1" else Text(f"{low} digits", f"{low} chiffres")


def _date(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    chosen = pattern or entry.formats[0]
    shape, shown = DATE_FORMATS[chosen]

    def read(text: str) -> str:
        parsed = f"TRY_CAST({text} AS DATE)"
        if chosen != "%Y-%m-%d":
            parsed = f"try_strptime({text}, {literal(chosen)})::DATE"
        return f"CASE WHEN regexp_full_match({text}, {literal(shape)}) THEN {parsed} END"

    form = Text(shown, shown.replace("Y", "A").replace("D", "J"))
    return "DATE", read(cell), read(clean(raw)), form, f"strftime({{0}}, {literal(chosen)})", ""


def _datetime(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    shape = r"'[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?Z?'"

    def read(text: str, shape: str) -> str:
        return (
            f"CASE WHEN regexp_full_match({text}, {shape}) THEN TRY_CAST(rtrim({text}, 'Z') AS TIMESTAMP) END"
        )

    plain = "'[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'"
    form = Text("YYYY-MM-DDThh:mm:ssZ", "AAAA-MM-JJThh:mm:ssZ")
    written, same = (
        "strftime({0}, '%Y-%m-%dT%H:%M:%SZ')",
        "regexp_full_match({0}, " + shape.replace("{", "{{").replace("}", "}}") + ")",
    )
    return "TIMESTAMP", read(cell, plain), f"({read(clean(raw), shape)})", form, written, same


def _time(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    fast = f"CASE WHEN regexp_full_match({cell}, '([01][0-9]|2[0-3]):[0-5][0-9]') THEN TRY_CAST({cell} AS TIME) END"
    parts = "'^([01]?[0-9]|2[0-3]) ?[:hH] ?([0-5][0-9])?(:00)?$'"
    tidy = clean(raw)
    slow = (
        f"(CASE WHEN regexp_matches({tidy}, {parts}) AND NOT regexp_matches({tidy}, ':$') THEN TRY_CAST("
        f"regexp_extract({tidy}, {parts}, 1) || ':' || coalesce(nullif(regexp_extract({tidy}, {parts}, 2), ''), '00') "
        f"AS TIME) END)"
    )
    return "TIME", fast, slow, Text("HH:MM", "HH:MM"), "strftime(DATE '2000-01-01' + {0}, '%H:%M')", ""


def _money(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """Whole cents: the profile's own form, else (and reported) a point for the comma or spaces around it."""
    mark = "\\." if entry.decimal_char == "." else ","
    group = {"": "", " ": _GROUP + "?", ",": ",?", ".": "\\.?"}[entry.group_char]
    currency = r"([ \x{a0}\x{202f}]?\$)?" if entry.has_currency else ""
    whole = _MAX_WHOLE_DIGITS
    # A dollar sign stands before the number in English and after it in French.
    sign = r"(\$ ?)?" if entry.has_currency and entry.decimal_char == "." else ""
    shape = f"'-?{sign}[0-9]{{1,3}}({group}[0-9]{{3}}){{0,4}}{mark}[0-9]{{2}}{currency}'"
    tidy = f"trim({raw}, {literal(BLANKS)})"
    other = f"'-?[0-9]{{1,{whole}}}[.,][0-9]{{2}}{currency}'"
    fast = (
        f"CASE WHEN regexp_full_match({cell}, '-?(0|[1-9][0-9]{{0,{whole - 1}}}){mark}[0-9]{{2}}') THEN "
        f"TRY_CAST(replace({cell}, {literal(entry.decimal_char)}, '') AS BIGINT) END"
    )
    slow = (
        f"(CASE WHEN regexp_full_match({tidy}, {shape}) OR regexp_full_match({tidy}, {other}) "
        f"THEN {_digits_only(raw)} END)"
    )
    # A point for the comma is reported by the rule on amounts, so it is not counted as another form here.
    same = f"regexp_full_match({{0}}, {_braced(shape)})"
    if entry.decimal_char == ",":
        same += " OR contains({0}, '.')"
    written = decimal_text("{0}").replace("','", literal(entry.decimal_char))
    example = f"1234{entry.decimal_char}56"
    return "BIGINT", fast, slow, Text(example, example), written, f"({same})"


def _braced(sql: str) -> str:
    """SQL with its braces doubled, to stand inside a template."""
    return sql.replace("{", "{{").replace("}", "}}")


def _digits_only(text: str) -> str:
    return f"TRY_CAST(regexp_replace({text}, '[^0-9-]', '', 'g') AS BIGINT)"


def _number(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """An exact decimal; never a binary fraction, so `1e400`, `NaN` and 400 digits have no way in."""
    places = 10 if entry.decimals is None else entry.decimals
    sql_type = f"DECIMAL({places + 10}, {places})"
    mark = "\\." if entry.decimal_char == "." else ","
    shape = f"'-?[0-9]{{1,10}}({mark}[0-9]{{1,{max(places, 1)}}})?'"

    def read(text: str, form: str) -> str:
        return f"CASE WHEN regexp_full_match({text}, {form}) THEN TRY_CAST(replace({text}, ',', '.') AS {sql_type}) END"

    tidy = f"regexp_replace(trim({raw}, {literal(BLANKS)}), '{_GROUP}', '', 'g')"
    loose = f"'-?[0-9]{{1,10}}([.,][0-9]{{1,{max(places, 1)}}})?'"
    example = f"1234{entry.decimal_char}5"
    same = f"regexp_full_match({{0}}, {_braced(shape)})"
    fast = read(cell, "'-?(0|[1-9][0-9]{0,9})'")
    return sql_type, fast, f"({read(tidy, loose)})", Text(example, example), "{0}::BIGINT::VARCHAR", same


def _integer(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    def read(text: str, form: str) -> str:
        return f"CASE WHEN regexp_full_match({text}, {form}) THEN TRY_CAST({text} AS BIGINT) END"

    fast, slow = read(cell, "'-?(0|[1-9][0-9]{0,17})'"), read(clean(raw), "'[+-]?[0-9]{1,18}'")
    same = "regexp_full_match({0}, '[0-9]{{1,18}}')"
    return "BIGINT", fast, f"({slow})", Text("a whole number", "un nombre entier"), "{0}::VARCHAR", same


def _year(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    def read(text: str) -> str:
        return f"CASE WHEN regexp_full_match({text}, '[12][0-9]{{3}}') THEN TRY_CAST({text} AS INTEGER) END"

    return "INTEGER", read(cell), f"({read(clean(raw))})", Text("YYYY", "AAAA"), "{0}::VARCHAR", ""


def _boolean(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """The first word for true and for false is the plain one; the other words of the profile are as good."""
    words = (*entry.true_values, *entry.false_values)
    yes, no = (literal(values[0]) if values else "NULL" for values in (entry.true_values, entry.false_values))

    def read(text: str, true: str, false: str) -> str:
        return f"CASE WHEN {text} IN ({true}) THEN true WHEN {text} IN ({false}) THEN false END"

    slow = read(clean(raw), literals(entry.true_values) or "NULL", literals(entry.false_values) or "NULL")
    form = Text("true or false", "vrai ou faux")
    written = f"CASE WHEN {{0}} THEN {_braced(yes)} ELSE {_braced(no)} END"
    same = f"({{0}} IN ({_braced(literals(words) or 'NULL')}))"
    return "BOOLEAN", read(cell, yes, no), f"({slow})", form, written, same


_BUILDERS = {
    "string": _string,
    "any": _string,
    "integer": _integer,
    "number": _number,
    "money": _money,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "boolean": _boolean,
    "year": _year,
}
