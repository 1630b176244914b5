"""How a cell becomes a value: for each type the plain form, read cheaply, and the other forms that mean the same.

Everything here is SQL text over one cell. A value read from the plain form can be written back as exactly the same
text (`text`), so the typed table need not keep the cells.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from validations.engine import clock, forms
from validations.engine.forms import Built, braced, clean, fits, trimmed
from validations.engine.profile import Constraints, Field, Profile
from validations.engine.rules import FieldFacts, decimal_text, literal, literals
from validations.engine.texts import Text

_BLANK_CLASS = r"[ \t\r\n\x{a0}\x{202f}\x{2007}\x{2009}\x{200b}\x{feff}]"
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
    `fast` back as the cell it came from; `also_plain` tells which other forms are as good as the plain one. Both have
    `{0}` for their operand, and so have `key`, by which values are compared, and `size`, which length constraints
    measure. `missing` are the texts that stand for no value; `pattern` is the date format decided for the column.
    """

    field: Field
    index: int | None
    sql_type: str
    fast: str
    slow: str
    form: Text
    text: str = "{0}"
    also_plain: str = ""
    key: str = "{0}"
    size: str = "length({0})"
    pattern: str = ""
    missing: tuple[str, ...] = ()

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
    "yearmonth": Text("a year with a month", "une année avec un mois"),
    "duration": Text("a length of time (P1DT2H30M)", "une durée (P1DT2H30M)"),
    "list": Text("a list", "une liste"),
    "array": Text("a JSON array", "un tableau JSON"),
    "object": Text("a JSON object", "un objet JSON"),
    "geopoint": Text("a place as longitude and latitude", "un lieu en longitude et latitude"),
    "geojson": Text("a GeoJSON object", "un objet GeoJSON"),
    "any": Text("a text", "un texte"),
}
# What a text in one of the standard's formats is called in a message.
FORMAT_NAMES: Mapping[str, Text] = {
    "email": Text("an e-mail address", "une adresse de courriel"),
    "uri": Text("a web address with its scheme (https://…)", "une adresse web complète (https://…)"),
    "uuid": Text("a UUID (8-4-4-4-12 hexadecimal digits)", "un UUID (8-4-4-4-12 chiffres hexadécimaux)"),
    "binary": Text("base64 data", "des données en base64"),
    "topojson": Text("a TopoJSON object", "un objet TopoJSON"),
}
# A number nobody limited: 20 digits before its mark, 15 behind it. More digits behind it are rounded.
_NUMBER_TYPE = "DECIMAL(38, 15)"
_DAY = "[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_ZONE = "(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"


def blank(text: str) -> str:
    """The SQL condition that a cell holds nothing to read."""
    return f"({text} IS NULL OR {text} = '' OR regexp_full_match({text}, '{_BLANK_CLASS}*'))"


def type_name(entry: Field) -> Text:
    """What a field holds, as a message says it."""
    return FORMAT_NAMES.get(entry.format) or TYPE_NAMES[entry.type]


def plan(profile: Profile, indexes: Mapping[str, int], decided: Mapping[str, str]) -> tuple[TypedColumn, ...]:
    """How every field of the profile is read from its column; fields without a column are NULL throughout."""
    return tuple(
        _column(profile, entry, indexes.get(entry.name), decided.get(entry.name, ""))
        for entry in profile.fields
    )


def read(entry: Field, text: str, pattern: str = "") -> str:
    """The SQL of the value that a text, itself SQL, is for a field; NULL where it is none."""
    built = _built(entry, text, text, pattern)
    return f"coalesce({built.fast}, {built.slow})"


def bound(column: TypedColumn, text: str) -> str:
    """The SQL of a value that a constraint gives: as cells of the field write it, or as JSON does."""
    told = literal(text)
    if column.field.unit == "cents":
        return f"TRY_CAST(TRY_CAST({told} AS DECIMAL(18, 2)) * 100 AS {column.sql_type})"
    own, plain = read(column.field, told, column.pattern), f"TRY_CAST({told} AS {column.sql_type})"
    return own if column.sql_type == "VARCHAR" else f"coalesce({own}, {plain})"


def _column(profile: Profile, entry: Field, index: int | None, pattern: str) -> TypedColumn:
    """The expressions that read one field."""
    words = profile.missing_values if entry.missing_values is None else entry.missing_values
    built = _built(entry, f"c{index}", f"r{index}", pattern)
    return TypedColumn(entry, index, *built, pattern=pattern, missing=tuple(filter(None, words)))


def _built(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    builder = _BUILDERS.get("money" if entry.unit == "cents" else entry.type, _string)
    return builder(entry, cell, raw, pattern)


def _string(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    form = Text("text without spaces around it", "texte sans espaces autour")
    if entry.format in forms.STRING_FORMATS and entry.type == "string":
        return forms.string(entry, cell, raw, pattern)
    if (digits := _fixed_digits(entry)) is not None:
        return _digits(entry, cell, raw, digits)
    if entry.constraints.pattern is not None:
        form = expected_form(entry)
        shape = literal(entry.constraints.pattern)
        fast = f"CASE WHEN {_matches(cell, entry.constraints.pattern)} THEN {cell} END"
        slow = f"(CASE WHEN regexp_full_match({clean(raw)}, {shape}) THEN {clean(raw)} END)"
        return Built("VARCHAR", fast, slow, form)
    edges = f"'^{_BLANK_CLASS}|{_BLANK_CLASS}$'"
    fast = f"CASE WHEN {cell} <> '' AND NOT regexp_matches({cell}, {edges}) THEN {cell} END"
    return Built("VARCHAR", fast, trimmed(raw), form)


def _matches(cell: str, pattern: str) -> str:
    """The SQL condition that a cell fits a pattern; a free rest (`(?:[ ,].*)?`) is not read to its end."""
    rest = re.search(r"\(\?:(\[[^\[\]]+\])\.\*\)\?$", pattern)
    if rest is None or "|" in re.sub(r"\([^()]*\)", "", pattern):
        return f"regexp_full_match({cell}, {literal(pattern)})"
    return f"regexp_matches({cell}, {literal(f'^{pattern[: rest.start()]}(?:{rest.group(1)}|$)')})"


def bounds_of(demands: Constraints) -> dict[str, str | None]:
    """The bounds a schema may give, by the standard's names for them."""
    return {
        "minimum": demands.minimum,
        "maximum": demands.maximum,
        "exclusiveMinimum": demands.exclusive_minimum,
        "exclusiveMaximum": demands.exclusive_maximum,
    }


def _fixed_digits(entry: Field) -> int | None:
    """How many digits a long identifier has, where its pattern says exactly that and nothing else is demanded."""
    found = re.fullmatch(r"\[0-9\]\{(\d+)\}", entry.constraints.pattern or "")
    demands = entry.constraints
    if (
        found is None
        or demands.enum
        or any(bounds_of(demands).values())
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
    return Built("BIGINT", read(cell), f"({read(clean(raw))})", expected_form(entry), written)


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
    if chosen not in clock.DATE_FORMATS:
        return _by_pattern("DATE", chosen, cell, raw)
    shape, shown = clock.DATE_FORMATS[chosen]

    def read(text: str) -> str:
        parsed = f"TRY_CAST({text} AS DATE)"
        if chosen != "%Y-%m-%d":
            parsed = f"try_strptime({text}, {literal(chosen)})::DATE"
        return f"CASE WHEN {fits(text, shape)} THEN {parsed} END"

    return Built(
        "DATE", read(cell), read(clean(raw)), _in_words(shown), f"strftime({{0}}, {literal(chosen)})"
    )


def _by_pattern(sql_type: str, pattern: str, cell: str, raw: str) -> Built:
    """A date or time in a strptime pattern: plain is what the pattern itself writes."""
    shape, shown = clock.written(pattern)

    def read(text: str) -> str:
        parsed = f"try_strptime({text}, {literal(pattern)})::TIMESTAMP::{sql_type}"
        return f"CASE WHEN {fits(text, f'(?i){shape}')} THEN {parsed} END"

    moment = "(DATE '2000-01-01' + {0})" if sql_type == "TIME" else "{0}"
    written = f"strftime({moment}, {literal(braced(pattern))})"
    fast = f"CASE WHEN {written.format(f'({read(cell)})')} = {cell} THEN {read(cell)} END"
    same = fits("{0}", braced(f"(?i){shape}"))
    return Built(sql_type, fast, f"({read(clean(raw))})", _in_words(shown), written, same)


def _in_words(shown: str) -> Text:
    return Text(shown, shown.replace("Y", "A").replace("D", "J"))


def _datetime(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    if entry.format not in ("default", "any"):
        return _by_pattern("TIMESTAMP", entry.format, cell, raw)
    shape = rf"{_DAY}[T ]{_CLOCK}(:[0-5][0-9]([.,][0-9]{{1,9}})?)?{_ZONE}?"
    plain = rf"{_DAY}T{_CLOCK}:[0-5][0-9]Z"
    tidy = clean(raw)
    fast = f"CASE WHEN {fits(cell, plain)} THEN TRY_CAST(rtrim({cell}, 'Z') AS TIMESTAMP) END"
    slow = f"(CASE WHEN {fits(tidy, shape)} THEN {_in_utc(tidy)} END)"
    if entry.format == "any":
        slow = f"coalesce({slow}, {_any_moment(tidy)})"
    form = Text("YYYY-MM-DDThh:mm:ssZ", "AAAA-MM-JJThh:mm:ssZ")
    same = "true" if entry.format == "any" else fits("{0}", braced(shape))
    return Built("TIMESTAMP", fast, slow, form, "strftime({0}, '%Y-%m-%dT%H:%M:%SZ')", same)


def _any_moment(text: str) -> str:
    """A moment written as one of the usual forms of a day, with or without a time behind it."""
    days = [pattern for pattern in clock.DATE_FORMATS if "H" not in pattern]
    patterns = [day + time for day in days for time in (" %H:%M:%S", " %H:%M", "")]
    return " , ".join(
        f"CASE WHEN {fits(text, clock.written(pattern)[0] if pattern in clock.DATE_FORMATS else _shape(pattern))} "
        f"THEN try_strptime({text}, {literal(pattern)}) END"
        for pattern in patterns
    )


def _shape(pattern: str) -> str:
    day, _, time = pattern.partition(" ")
    return f"{clock.DATE_FORMATS[day][0]} {clock.written(time)[0]}"


def _in_utc(text: str) -> str:
    """A moment of the ISO form as a timestamp in UTC; without a zone it is taken to be in UTC."""
    dotted = f"replace({text}, ',', '.')"
    zoned = f"CASE WHEN regexp_matches({text}, {literal(f'{_CLOCK}.*{_ZONE}$')}) THEN {dotted} ELSE {dotted} || 'Z' END"
    return f"make_timestamp(epoch_us(TRY_CAST({zoned} AS TIMESTAMPTZ)))"


def _time(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    if entry.format not in ("default", "any"):
        return _by_pattern("TIME", entry.format, cell, raw)
    fast = f"CASE WHEN {fits(cell, '([01][0-9]|2[0-3]):[0-5][0-9]')} THEN TRY_CAST({cell} AS TIME) END"
    parts = "'^([01]?[0-9]|2[0-3]) ?[:hH] ?([0-5][0-9])?(:00)?$'"
    tidy = clean(raw)
    whole = rf"{_CLOCK}:[0-5][0-9]([.,][0-9]{{1,9}})?{_ZONE}?"
    with_seconds = _in_utc(f"('2000-01-02T' || {tidy})")
    slow = (
        f"(CASE WHEN regexp_matches({tidy}, {parts}) AND NOT regexp_matches({tidy}, ':$') THEN TRY_CAST("
        f"regexp_extract({tidy}, {parts}, 1) || ':' || coalesce(nullif(regexp_extract({tidy}, {parts}, 2), ''), '00') "
        f"AS TIME) WHEN {fits(tidy, whole)} THEN ({with_seconds})::TIME END)"
    )
    same = fits("{0}", braced(whole))
    return Built(
        "TIME", fast, slow, Text("HH:MM", "HH:MM"), "strftime(DATE '2000-01-01' + {0}, '%H:%M')", same
    )


def _money(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """Whole cents: the profile's own form, else (and reported) a point for the comma or spaces around it."""
    mark = "\\." if entry.decimal_char == "." else ","
    group = {"": "", " ": _GROUP + "?"}.get(entry.group_char, f"(?:{re.escape(entry.group_char)})?")
    currency = r"([ \x{a0}\x{202f}]?\$)?" if entry.has_currency else ""
    whole = _MAX_WHOLE_DIGITS
    # A dollar sign stands before the number in English and after it in French.
    sign = r"(\$ ?)?" if entry.has_currency and entry.decimal_char == "." else ""
    shape = f"'-?{sign}[0-9]{{1,3}}({group}[0-9]{{3}}){{0,4}}{mark}[0-9]{{2}}{currency}'"
    tidy = trimmed(raw)
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
    same = f"regexp_full_match({{0}}, {braced(shape)})"
    if entry.decimal_char == ",":
        same += " OR contains({0}, '.')"
    written = decimal_text("{0}").replace("','", literal(entry.decimal_char))
    example = f"1234{entry.decimal_char}56"
    return Built("BIGINT", fast, slow, Text(example, example), written, f"({same})")


def _digits_only(text: str) -> str:
    return f"TRY_CAST(regexp_replace({text}, '[^0-9-]', '', 'g') AS BIGINT)"


def _number(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """An exact decimal; never a binary fraction, so `1e400`, `NaN` and 400 digits have no way in.

    With its places fixed by the profile, a number has no exponent.
    """
    places = entry.decimals
    sql_type = _NUMBER_TYPE if places is None else f"DECIMAL({places + 10}, {places})"
    mark = re.escape(entry.decimal_char)
    # A point for the comma can mean nothing else; a comma for the point may part thousands.
    is_comma = entry.decimal_char == "," and entry.group_char != "."
    shape, loose = _number_shape(mark, places), _number_shape("[.,]" if is_comma else mark, places)
    tidy = _ungrouped(entry, f"regexp_replace({_bare(entry, raw)}, '{_GROUP}', '', 'g')")
    dotted = f"replace({tidy}, {literal(entry.decimal_char)}, '.')"
    slow = f"(CASE WHEN {fits(tidy, loose)} THEN TRY_CAST({dotted} AS {sql_type}) END)"
    fast = f"CASE WHEN {fits(cell, '-?(0|[1-9][0-9]{0,9})')} THEN TRY_CAST({cell} AS {sql_type}) END"
    example = f"1234{entry.decimal_char}5"
    same = fits(_ungrouped(entry, _bare(entry, "{0}")), braced(shape))
    return Built(sql_type, fast, slow, Text(example, example), "{0}::BIGINT::VARCHAR", same)


def _number_shape(mark: str, places: int | None) -> str:
    if places is not None:
        return f"-?[0-9]{{1,10}}({mark}[0-9]{{1,{max(places, 1)}}})?"
    return rf"[+-]?([0-9]{{1,20}}({mark}[0-9]{{0,300}})?|{mark}[0-9]{{1,300}})([eE][+-]?[0-9]{{1,3}})?"


def _bare(entry: Field, text: str) -> str:
    """The SQL of a number's text without blanks, and without a currency or unit where the field allows one."""
    if not entry.has_currency:
        return trimmed(text)
    edges = r"^[^0-9-]*" if entry.decimal_char.isalnum() else rf"^[^0-9{re.escape(entry.decimal_char)}-]*"
    return f"regexp_replace(regexp_replace({text}, {literal(edges)}, ''), '[^0-9]*$', '')"


def _ungrouped(entry: Field, text: str) -> str:
    return f"replace({text}, {literal(entry.group_char)}, '')" if entry.group_char else text


def _integer(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    def read(text: str, form: str) -> str:
        return f"CASE WHEN {fits(text, form)} THEN TRY_CAST({text} AS BIGINT) END"

    tidy = _ungrouped(entry, clean(_bare(entry, raw)))
    fast, slow = read(cell, "-?(0|[1-9][0-9]{0,17})"), read(tidy, "[+-]?[0-9]{1,18}")
    same = "regexp_full_match({0}, '[0-9]{{1,18}}')"
    if entry.group_char or entry.has_currency:
        same = "true"
    return Built(
        "BIGINT", fast, f"({slow})", Text("a whole number", "un nombre entier"), "{0}::VARCHAR", same
    )


def _year(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    def read(text: str) -> str:
        return f"CASE WHEN regexp_full_match({text}, '[0-9]{{4}}') THEN TRY_CAST({text} AS INTEGER) END"

    written = "lpad({0}::VARCHAR, 4, '0')"
    return Built("INTEGER", read(cell), f"({read(clean(raw))})", Text("YYYY", "AAAA"), written)


def _boolean(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """The first word for true and for false is the plain one; the other words of the profile are as good."""
    words = (*entry.true_values, *entry.false_values)
    yes, no = (literal(values[0]) if values else "NULL" for values in (entry.true_values, entry.false_values))

    def read(text: str, true: str, false: str) -> str:
        return f"CASE WHEN {text} IN ({true}) THEN true WHEN {text} IN ({false}) THEN false END"

    slow = read(clean(raw), literals(entry.true_values) or "NULL", literals(entry.false_values) or "NULL")
    form = Text("true or false", "vrai ou faux")
    written = f"CASE WHEN {{0}} THEN {braced(yes)} ELSE {braced(no)} END"
    same = f"({{0}} IN ({braced(literals(words) or 'NULL')}))"
    return Built("BOOLEAN", read(cell, yes, no), f"({slow})", form, written, same)


def _list(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """Items of one type between a delimiter; the text is kept, its length is the number of its items."""
    item = Field(
        name=entry.name, type=entry.item_type, formats=("%Y-%m-%d",) if entry.item_type == "date" else ()
    )
    items = f"string_split({{0}}, {literal(braced(entry.delimiter))})"

    def condition(text: str) -> str:
        if entry.item_type == "string":
            return f"{text} <> ''"
        wrong = f"list_filter({items.format(text)}, lambda item: ({read(item, 'item')}) IS NULL)"
        return f"({text} <> '' AND len({wrong}) = 0)"

    form = Text(f"items between “{entry.delimiter}”", f"des éléments séparés par « {entry.delimiter} »")
    return forms.kept(cell, raw, condition, form, size=f"len({items})")


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
    "yearmonth": forms.yearmonth,
    "duration": forms.duration,
    "list": _list,
    "array": forms.array,
    "object": forms.object_,
    "geopoint": forms.geopoint,
    "geojson": forms.geojson,
}
