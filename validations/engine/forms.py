"""The text forms of Table Schema that stay texts: addresses, identifiers, durations, places and structures.

A value of these types keeps its own text; the expressions here say whether a text has the form, what two texts are
compared by (`PT60M` equals `PT1H`), and how long a list is. Everything is SQL over one operand, and regular expressions
run in RE2, so that no cell can make one run long.

Source: https://specs.frictionlessdata.io/table-schema/ and https://datapackage.org/standard/table-schema/
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from validations.engine.profile import Field
from validations.engine.rules import literal
from validations.engine.texts import Text

# What people and programs put around a value without meaning it: space, tab, no-break spaces, zero-width marks.
BLANKS = " \t\r\n\u00a0\u202f\u2007\u2009\u200b\ufeff"
FULL_WIDTH_DIGITS = "０１２３４５６７８９"


class Built(NamedTuple):
    """How a field is read: SQL type, plain reading, other readings, form in words, and templates over `{0}`.

    `text` is a plain value as the cell it came from; `also_plain` tells which other cells are as good; `key` is what
    values are compared by; `size` is what `minLength` and `maxLength` measure.
    """

    sql_type: str
    fast: str
    slow: str
    form: Text
    text: str = "{0}"
    also_plain: str = ""
    key: str = "{0}"
    size: str = "length({0})"


def clean(text: str) -> str:
    """The SQL of a cell without blanks around it and with ASCII digits for full-width ones."""
    return f"translate({trimmed(text)}, '{FULL_WIDTH_DIGITS}', '0123456789')"


def trimmed(text: str) -> str:
    """The SQL of a cell without blanks around it."""
    return f"trim({text}, {literal(BLANKS)})"


def braced(sql: str) -> str:
    """SQL with its braces doubled, to stand inside a template."""
    return sql.replace("{", "{{").replace("}", "}}")


def fits(text: str, shape: str) -> str:
    """The SQL condition that all of a text has a shape."""
    return f"regexp_full_match({text}, {literal(shape)})"


# A condition over the SQL of one text.
Condition = Callable[[str], str]


def kept(
    cell: str, raw: str, condition: Condition, form: Text, key: str = "{0}", size: str = "length({0})"
) -> Built:
    """A value that is its own text where the condition holds, blanks around it left out."""
    fast = f"CASE WHEN {cell} = {trimmed(cell)} AND {condition(cell)} THEN {cell} END"
    slow = f"(CASE WHEN {condition(trimmed(raw))} THEN {trimmed(raw)} END)"
    return Built("VARCHAR", fast, slow, form, key=key, size=size)


# --- strings with a format -----------------------------------------------------------------------------------------

_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?"
_ATOM = r"[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+"
_QUOTED_NAME = r'"(?:[ !#-\[\]-~]|\\[ -~]){1,62}"'
_EMAIL = rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED_NAME})@(?:{_LABEL}\.)+{_LABEL}"
_URI = r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\x22{}|\\^`]*"
_UUID = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"

STRING_FORMATS: Mapping[str, tuple[Condition, Text]] = {
    "email": (
        lambda text: (
            f"({fits(text, _EMAIL)} AND strpos({text}, '@') <= 65 AND length({text}) <= 254 "
            f"AND regexp_matches({text}, '[^0-9]$'))"
        ),
        Text("name@example.org", "nom@exemple.org"),
    ),
    "uri": (lambda text: fits(text, _URI), Text("https://example.org/", "https://exemple.org/")),
    "uuid": (
        lambda text: fits(text, _UUID),
        Text("32 hexadecimal digits as 8-4-4-4-12", "32 chiffres hexadécimaux en 8-4-4-4-12"),
    ),
    "binary": (lambda text: fits(text, _BASE64), Text("base64", "base64")),
}


def string(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """A text in one of the standard's formats; a pattern may be demanded beside it."""
    condition, form = STRING_FORMATS[entry.format]
    return kept(cell, raw, condition, form)


# --- times that are no point in time -------------------------------------------------------------------------------

_DURATION = (
    r"^([+-]?)P(?:([0-9]{1,9}(?:[.,][0-9]{1,6})?)Y)?(?:([0-9]{1,9}(?:[.,][0-9]{1,6})?)M)?"
    r"(?:([0-9]{1,9}(?:[.,][0-9]{1,6})?)W)?(?:([0-9]{1,9}(?:[.,][0-9]{1,6})?)D)?"
    r"(?:T(?:([0-9]{1,9}(?:[.,][0-9]{1,6})?)H)?(?:([0-9]{1,9}(?:[.,][0-9]{1,6})?)M)?"
    r"(?:([0-9]{1,9}(?:[.,][0-9]{1,6})?)S)?)?$"
)
_DURATION_PARTS = ("sign", "years", "months", "weeks", "days", "hours", "minutes", "seconds")
# A mean month of the Gregorian calendar, for the order of durations; a month equals no number of days.
_MONTH_SECONDS = 2_629_746
_PART_SECONDS = {
    "years": 12 * _MONTH_SECONDS, "months": _MONTH_SECONDS, "weeks": 604_800, "days": 86_400, "hours": 3_600,
    "minutes": 60, "seconds": 1,
}  # fmt: skip


def duration(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """A length of time as ISO 8601 writes it, compared by its seconds."""

    def condition(text: str) -> str:
        return f"({fits(text, _DURATION)} AND regexp_matches({text}, '[0-9][YMWDHS]$'))"

    names = ", ".join(literal(name) for name in _DURATION_PARTS)
    found = f"regexp_extract({{0}}, {literal(braced(_DURATION))}, [{names}])"
    parts = " + ".join(
        f"coalesce(TRY_CAST(replace(d.{name}, ',', '.') AS DECIMAL(18, 6)), 0) * {seconds}::DECIMAL(18, 0)"
        for name, seconds in _PART_SECONDS.items()
    )
    signed = f"({parts}) * CASE WHEN d.sign = '-' THEN -1 ELSE 1 END"
    key = f"CASE WHEN {{0}} IS NOT NULL THEN list_transform([{found}], lambda d: {signed})[1] END"
    return kept(cell, raw, condition, Text("P1DT2H30M", "P1DT2H30M"), key=key)


def yearmonth(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """A month of a year, which its text puts in order."""
    return kept(cell, raw, lambda text: fits(text, "[0-9]{4}-(0[1-9]|1[0-2])"), Text("YYYY-MM", "AAAA-MM"))


# --- structures ----------------------------------------------------------------------------------------------------

# DuckDB's reader forgives a comma too many and knows numbers that JSON does not have.
_IN_QUOTES = r'"(?:[^"\\]|\\.)*"'
_NO_JSON = r"(?i),\s*[\]}]|\b(nan|inf|infinity)\b"


def _sound(text: str) -> str:
    """The SQL of a text where it is JSON, else NULL: other functions raise an error on anything else.

    They must take this as their operand; a condition beside them does not keep DuckDB from evaluating them.
    """
    bare = f"regexp_replace({text}, {literal(_IN_QUOTES)}, '0', 'g')"
    return (
        f"(CASE WHEN json_valid({text}) AND NOT regexp_matches({bare}, {literal(_NO_JSON)}) THEN {text} END)"
    )


def _json(kind: str) -> Condition:
    return lambda text: f"coalesce(json_type({_sound(text)}) = '{kind}', false)"


def array(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """A JSON array."""
    return kept(
        cell,
        raw,
        _json("ARRAY"),
        Text("a JSON array", "un tableau JSON"),
        key="json({0})::VARCHAR",
        size="json_array_length({0})",
    )


def object_(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """A JSON object."""
    return kept(
        cell,
        raw,
        _json("OBJECT"),
        Text("a JSON object", "un objet JSON"),
        key="json({0})::VARCHAR",
        size="len(list_distinct(json_keys({0})))",
    )


_DEGREES = r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})"
_JSON_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"


def geopoint(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """A place as longitude and latitude in degrees, compared as numbers."""
    form, longitude, latitude, shaped = _POINTS[entry.format]

    def condition(text: str) -> str:
        operand = text if entry.format == "default" else _sound(text)
        lon, lat = longitude.format(operand), latitude.format(operand)
        inside = (
            f"TRY_CAST({lon} AS DOUBLE) BETWEEN -180 AND 180 AND TRY_CAST({lat} AS DOUBLE) BETWEEN -90 AND 90"
        )
        return f"({shaped(operand)} AND coalesce({inside}, false))"

    key = f"[TRY_CAST({longitude} AS DECIMAL(19, 15)), TRY_CAST({latitude} AS DECIMAL(19, 15))]"
    return kept(cell, raw, condition, form, key=key)


_POINTS: Mapping[str, tuple[Text, str, str, Condition]] = {
    "default": (
        Text("longitude, latitude", "longitude, latitude"),
        "trim(split_part({0}, ',', 1))",
        "trim(split_part({0}, ',', 2))",
        lambda text: fits(text, rf"\s*{_DEGREES}\s*,\s*{_DEGREES}\s*"),
    ),
    "array": (
        Text("[longitude, latitude]", "[longitude, latitude]"),
        "json_extract_string({0}, '$[0]')",
        "json_extract_string({0}, '$[1]')",
        lambda text: (
            f"coalesce(json_array_length({text}) = 2, false) AND {_are_numbers(text, '$[0]', '$[1]')}"
        ),
    ),
    "object": (
        Text('{"lon": longitude, "lat": latitude}', '{"lon": longitude, "lat": latitude}'),
        "json_extract_string({0}, '$.lon')",
        "json_extract_string({0}, '$.lat')",
        lambda text: (
            f"coalesce(len(json_keys({text})) = 2, false) AND {_are_numbers(text, '$.lon', '$.lat')}"
        ),
    ),
}


def _are_numbers(text: str, *paths: str) -> str:
    kinds = "('UBIGINT', 'BIGINT', 'DOUBLE', 'HUGEINT', 'UHUGEINT')"
    return " AND ".join(f"coalesce(json_type({text}, {literal(path)}) IN {kinds}, false)" for path in paths)


def _some(item: str, least: int) -> str:
    """The regular expression of a JSON array of at least so many items."""
    return rf"\[{item}(?:,{item}){{{least - 1},}}\]" if least else rf"\[(?:{item}(?:,{item})*)?\]"


_POSITION = rf"\[{_JSON_NUMBER}(?:,{_JSON_NUMBER}){{1,2}}\]"
_LINE = _some(_POSITION, 2)
_POLYGON = _some(_some(_POSITION, 4), 0)
_COORDINATES = {
    "Point": _POSITION,
    "MultiPoint": _some(_POSITION, 0),
    "LineString": _LINE,
    "MultiLineString": _some(_LINE, 0),
    "Polygon": _POLYGON,
    "MultiPolygon": _some(_POLYGON, 0),
}


def geojson(entry: Field, cell: str, raw: str, pattern: str) -> Built:
    """A GeoJSON or TopoJSON object; of TopoJSON its outermost members are looked at."""
    wanted = _is_topology if entry.format == "topojson" else _is_geojson

    def condition(text: str) -> str:
        return f"({_json('OBJECT')(text)} AND {wanted(_sound(text))})"

    name = "TopoJSON" if entry.format == "topojson" else "GeoJSON"
    return kept(cell, raw, condition, Text(name, name), key="json({0})::VARCHAR")


def _is_geojson(text: str) -> str:
    bounds = (
        f"coalesce(regexp_full_match(json_extract({text}, '$.bbox')::VARCHAR, "
        f"{literal(_some(_JSON_NUMBER, 0))}), true)"
    )
    kinds = " ".join(
        f"WHEN '{kind}' THEN {condition(text)}"
        for kind, condition in (
            ("GeometryCollection", lambda found: _every(found, "geometries", _is_geometry)),
            ("Feature", _is_feature),
            ("FeatureCollection", lambda found: _every(found, "features", _is_feature)),
        )
    )
    kind = f"json_extract_string({text}, '$.type')"
    return f"(CASE {kind} {kinds} ELSE {_is_geometry(text)} END AND {bounds})"


def _is_geometry(text: str) -> str:
    coordinates = f"json_extract({text}, '$.coordinates')::VARCHAR"
    kinds = " ".join(
        f"WHEN '{kind}' THEN regexp_full_match({coordinates}, {literal(shape)})"
        for kind, shape in _COORDINATES.items()
    )
    return f"coalesce(CASE json_extract_string({text}, '$.type') {kinds} END, false)"


def _is_feature(text: str) -> str:
    geometry = f"json_extract({text}, '$.geometry')"
    properties = f"json_type({text}, '$.properties') IN ('OBJECT', 'NULL')"
    return (
        f"coalesce(json_extract_string({text}, '$.type') = 'Feature' AND {properties} AND "
        f"CASE json_type({text}, '$.geometry') WHEN 'NULL' THEN true WHEN 'OBJECT' THEN {_is_geometry(geometry)} END, "
        "false)"
    )


def _every(text: str, member: str, condition: Condition) -> str:
    """The SQL condition that a member is an array, of which every item fulfils a condition."""
    items = f"json_extract({text}, '$.{member}[*]')"
    return (
        f"(coalesce(json_type({text}, '$.{member}') = 'ARRAY', false) AND "
        f"len(list_filter({items}, lambda item: NOT {condition('item')})) = 0)"
    )


def _is_topology(text: str) -> str:
    kind = f"json_extract_string({text}, '$.type')"
    members = f"json_type({text}, '$.objects') = 'OBJECT' AND json_type({text}, '$.arcs') = 'ARRAY'"
    whole = f"{kind} = 'Topology' AND {members}"
    collection = f"{kind} = 'GeometryCollection' AND json_type({text}, '$.geometries') = 'ARRAY'"
    place = f"{kind} IN ('Point', 'MultiPoint') AND json_type({text}, '$.coordinates') = 'ARRAY'"
    lines = (
        f"{kind} IN ('LineString', 'MultiLineString', 'Polygon', 'MultiPolygon') "
        f"AND json_type({text}, '$.arcs') = 'ARRAY'"
    )
    return f"coalesce(({whole}) OR ({collection}) OR ({place}) OR ({lines}), false)"
