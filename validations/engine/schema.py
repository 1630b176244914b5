"""A profile's Table Schema as SQL: the table `typed` and the checks of the schema itself.

Every mapped column is read in one pass over `cells`. Per field, `typed` holds the value and, in `<field>_raw`, the
cell's own text wherever that text was not already in the plain form: with a value beside it, it was read in another
form (and that is reported); with NULL beside it, it could not be read (and that is reported too). The plain form is
tested first by something cheap; only cells that fail it meet the expressions that trim, convert and forgive.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

import duckdb

from validations.engine import clock, texts, values
from validations.engine.forms import BLANKS, trimmed
from validations.engine.profile import Constraints, ForeignKey, Profile
from validations.engine.rules import INFO, OFF, WARNING, hits, literal, literals
from validations.engine.texts import CodeTexts, Text
from validations.engine.values import TypedColumn, blank, bounds_of, expected_form, type_name

# Enough rows to see how a column writes its dates; the whole column decides.
GUESS_ROWS = 2000
TOTAL_WORDS = r"(?i)(grand|sous)?[ _-]?tot(al|aux)([ _-](général|general|partiel))?[ :]*"

texts.register(
    CodeTexts(
        code="value-normalized",
        severity=INFO,
        title=Text("Values read in another form", "Valeurs lues sous une autre forme"),
        message=Text(
            "{count:number} {count|value|values} of “{title:text}” had extra spaces or another way of writing and "
            "{count|was|were} read as {form:text}.",
            "{count:number} {count|valeur|valeurs} de « {title:text} » {count|avait|avaient} des espaces en "
            "trop ou une autre écriture et {count|a été lue|ont été lues} comme {form:text}.",
        ),
        explanation=Text(
            "Spaces around a value, full-width digits or another usual way of writing do not change what is meant.",
            "Des espaces autour d'une valeur, des chiffres pleine chasse ou une autre écriture "
            "usuelle n'en changent pas "
            "le sens.",
        ),
        fix=Text(
            "Nothing has to be done. Set the export to the usual form if the payer is stricter.",
            "Rien à faire. Réglez l'exportation sur la forme usuelle si le payeur est plus strict.",
        ),
    )
)
texts.register(
    CodeTexts(
        code="date-ambiguous",
        severity=WARNING,
        title=Text("Day and month could be swapped", "Jour et mois pourraient être inversés"),
        message=Text(
            "Every date of “{title:text}” fits both {form:text} and {other:text}. They were read as {form:text}.",
            "Chaque date de « {title:text} » se lit aussi bien {form:text} que {other:text}. Elles "
            "ont été lues {form:text}.",
        ),
        explanation=Text(
            "No day above 12 occurs in the column, so the file itself does not tell the day from the month.",
            "Aucun jour supérieur à 12 dans la colonne : le fichier ne permet pas de distinguer le jour du mois.",
        ),
        fix=Text(
            "Compare two dates with the original claims. Export the dates as YYYY-MM-DD to be safe.",
            "Comparez deux dates avec les demandes d'origine. Exportez les dates en AAAA-MM-JJ pour plus de sûreté.",
        ),
    )
)
texts.register(
    CodeTexts(
        code="total-row",
        severity=INFO,
        title=Text("Total row", "Ligne de total"),
        message=Text(
            "This row sums up others; it was not taken as a record.",
            "Cette ligne en totalise d'autres ; elle n'a pas été prise comme un enregistrement.",
        ),
        explanation=Text(
            "A row with a word for total in it, and none of the values every record must have, is no claim.",
            "Une ligne qui porte le mot « total » et aucune des valeurs obligatoires n'est pas une demande.",
        ),
        fix=Text("Nothing has to be done.", "Rien à faire."),
    )
)


def guess_dates(
    connection: duckdb.DuckDBPyConnection, profile: Profile, indexes: Mapping[str, int]
) -> dict[str, str]:
    """The likely format of each date column, from the first rows; `better_dates` judges it by the whole column."""
    wanted = {f.name: f.formats for f in profile.fields if f.type == "date" and f.name in indexes}
    if not wanted:
        return {}
    counts = ", ".join(
        f"count(*) FILTER (regexp_full_match(c{indexes[name]}, {literal(clock.written(pattern)[0])}))"
        for name, patterns in wanted.items()
        for pattern in patterns
    )
    row = iter(_one(connection, f"SELECT {counts} FROM (SELECT * FROM cells LIMIT {GUESS_ROWS})"))
    decided = {}
    for name, patterns in wanted.items():
        found = [(next(row), -position, pattern) for position, pattern in enumerate(patterns)]
        decided[name] = max(found)[2]
    return decided


def better_dates(
    connection: duckdb.DuckDBPyConnection, columns: tuple[TypedColumn, ...], file_column: str = ""
) -> dict[int, dict[str, str]]:
    """The date columns most of whose cells are written in another format than they were read in, with that format.

    Shape: by file; a lone file has the number 0.
    """
    better: dict[int, dict[str, str]] = {}
    for column in columns:
        others = [pattern for pattern in column.field.formats if pattern != column.pattern]
        if column.index is None or not others:
            continue
        raw = f"{column.field.name}_raw"
        counts = ", ".join(
            f"count(*) FILTER (regexp_full_match({raw}, {literal(clock.written(pattern)[0])}))"
            for pattern in others
        )
        selected = f"count({column.field.column}), {counts}"
        for file, (read, *unread) in _by_file(connection, selected, "typed", file_column).items():
            most = max(zip(unread, range(0, -len(others), -1), strict=True))
            if most[0] > read:
                better.setdefault(file, {})[column.field.name] = others[-most[1]]
    return better


def ambiguous_dates(
    connection: duckdb.DuckDBPyConnection, columns: tuple[TypedColumn, ...], file_column: str = ""
) -> Iterator[tuple[int, TypedColumn, str]]:
    """File and date column in which day and month could be swapped without notice, with the other format."""
    swaps = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y"}
    for column in columns:
        other = swaps.get(column.pattern)
        if other is None or column.index is None:
            continue
        name = column.field.column
        selected = f"count(*) FILTER (day({name}) > 12), count(*) FILTER (day({name}) <> month({name}))"
        for file, (told, different) in _by_file(connection, selected, "typed", file_column).items():
            if different and not told:
                yield file, column, other


def create_typed(columns: tuple[TypedColumn, ...], kept: Sequence[int]) -> str:
    """The statement that stores what one pass over `cells` reads: a row a record, `k<index>` for unmapped columns.

    The text of cells not in the plain form gathers in one JSON object, `odd`, NULL in most rows: a column of its own
    for each field would double what has to be written. Leading characters that identify something become a hash,
    `_key`.
    """
    present = [column for column in columns if column.index is not None]
    inner = ["row", *(f"c{index} AS k{index}" for index in kept)]
    inner += [f"c{c.index} AS r{c.index}, {_fast(c)} AS f{c.index}" for c in present]
    middle = ["row", *(f"k{index}" for index in kept), *map(_value, present), _odd(present)]
    outer = ["*"] + [
        f"hash(substr({c.field.column}, 1, {c.field.key_length})) AS {c.field.name}_key"
        for c in present
        if c.field.key_length
    ]
    return (
        f"CREATE OR REPLACE TABLE typed_rows AS SELECT {', '.join(outer)} FROM (SELECT {', '.join(middle)} "
        f"FROM (SELECT {', '.join(inner)} FROM cells))"
    )


def view_typed(columns: tuple[TypedColumn, ...]) -> str:
    """The statement that makes the view `typed`: every field of the profile with its value, `_raw` and `_key`."""
    chosen = ["*"]
    for column in columns:
        name = column.field.name
        if column.index is not None:
            chosen.append(f"odd ->> '$.{name}' AS {name}_raw")
            continue
        chosen.append(f"NULL::{column.sql_type} AS {column.field.column}, NULL::VARCHAR AS {name}_raw")
        if column.field.key_length:
            chosen.append(f"NULL::UBIGINT AS {name}_key")
    return f"CREATE OR REPLACE VIEW typed AS SELECT {', '.join(chosen)} FROM typed_rows"


def keep_odd_rows(columns: tuple[TypedColumn, ...]) -> tuple[str, ...]:
    """The statements that make `odd_rows`, the rows of `typed` with a text to look at, and `odd_texts`, their texts.

    A text that was read is kept too: the file can then be written again as it was.
    """
    parts = [
        f"CASE WHEN {c.field.name}_raw <> '' THEN {literal(as_text(c.field.name))} || ':' || "
        f"to_json({c.field.name}_raw) END"
        for c in columns
        if c.index is not None
    ]
    texts_of_rows = f"SELECT row, concat_ws(',', {', '.join(parts) or 'NULL'}) AS texts FROM odd_rows"
    return (
        "CREATE OR REPLACE TEMP TABLE odd_rows AS SELECT * FROM typed WHERE odd IS NOT NULL",
        f"CREATE OR REPLACE TEMP TABLE odd_texts AS SELECT row, texts FROM ({texts_of_rows}) WHERE texts <> ''",
    )


def _fast(column: TypedColumn) -> str:
    """The plain reading; a text that stands for no value is none, even where it has the plain form."""
    if not column.missing:
        return column.fast
    return f"CASE WHEN c{column.index} IN ({literals(column.missing)}) THEN NULL ELSE {column.fast} END"


def _empty(column: TypedColumn) -> str:
    """The SQL condition that a cell is there and holds nothing to read."""
    raw = f"r{column.index}"
    nothing = f"{raw} = '' OR {blank(raw)}"
    if not column.missing:
        return f"({nothing})"
    words = literals(column.missing)
    return f"({nothing} OR {raw} IN ({words}) OR {trimmed(raw)} IN ({words}))"


def _value(column: TypedColumn) -> str:
    fast, raw = f"f{column.index}", f"r{column.index}"
    return (
        f"CASE WHEN {fast} IS NOT NULL THEN {fast} WHEN {raw} IS NULL OR {_empty(column)} THEN NULL "
        f"ELSE {column.slow} END AS {column.field.column}"
    )


def _odd(columns: Sequence[TypedColumn]) -> str:
    """The texts not in the plain form, by field; an empty cell counts where the field is required."""
    conditions, pairs = [], []
    for column in columns:
        fast, raw = f"f{column.index}", f"r{column.index}"
        is_required = column.field.constraints.required
        nothings = literals(("", *column.missing))
        conditions.append(
            f"({fast} IS NULL AND {raw} {'IS NOT NULL' if is_required else f'NOT IN ({nothings})'})"
        )
        nothing = "''" if is_required else "NULL"
        pairs.append(
            f"{literal(column.field.name)}, CASE WHEN {fast} IS NOT NULL OR {raw} IS NULL THEN NULL "
            f"WHEN {_empty(column)} THEN {nothing} ELSE {raw} END"
        )
    if not pairs:
        return "NULL::VARCHAR AS odd"
    return f"CASE WHEN {' OR '.join(conditions)} THEN json_object({', '.join(pairs)})::VARCHAR END AS odd"


def take_out_totals(
    connection: duckdb.DuckDBPyConnection, columns: tuple[TypedColumn, ...], column_count: int
) -> None:
    """Move the rows that sum up others from `typed` to the table `total_rows`; they are no records.

    A total row says so in one cell ("Grand Total") and has at most that cell in the columns every record must fill.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE total_rows (row BIGINT, is_partial BOOLEAN, amount VARCHAR, grand_total VARCHAR)"
    )
    required = [c.field for c in columns if c.index is not None and c.field.constraints.required]
    if len(required) < 2:
        return
    filled = " + ".join(
        f"({f.column} IS NOT NULL OR coalesce({f.name}_raw, '') <> '')::INT" for f in required
    )
    candidates = f"SELECT row FROM typed WHERE {filled} <= 1"
    if not _one(connection, f"SELECT count(*) FROM ({candidates})")[0]:
        return
    words = " OR ".join(
        f"coalesce(regexp_full_match(trim(c{index}, {literal(BLANKS)}), {literal(TOTAL_WORDS)}), false)"
        for index in range(column_count)
    )
    partial = " OR ".join(
        f"coalesce(regexp_matches(c{i}, '(?i)^.?sous'), false)" for i in range(column_count)
    )
    places = {c.field.name: f"c{c.index}" for c in columns if c.index is not None}
    money = ", ".join(places.get(name, "NULL") for name in ("amount", "grand_total"))
    connection.execute(
        f"INSERT INTO total_rows SELECT row, {partial}, {money} FROM cells WHERE row IN ({candidates}) AND ({words})"
    )
    connection.execute("DELETE FROM typed_rows WHERE row IN (SELECT row FROM total_rows)")


def format_failures(columns: tuple[TypedColumn, ...]) -> Iterator[tuple[str, str]]:
    """Code and query for cells that could not be read and that no rule of their own reports."""
    for column in columns:
        if column.index is None or column.field.error_code:
            continue
        has_pattern = column.field.constraints.pattern is not None
        code = "constraint-error" if has_pattern else "type-error"
        condition = f"{column.field.column} IS NULL AND {column.field.name}_raw <> ''"
        params = _constraint("pattern", expected_form(column.field)) if has_pattern else {}
        raw = f"{column.field.name}_raw"
        yield code, _select(column, condition, params, value=raw, suggestion=_leading_zero(column, raw))


def constraint_failures(columns: tuple[TypedColumn, ...], each_file: str = "") -> Iterator[tuple[str, str]]:
    """Code and query for values that break a constraint of the schema."""
    for column in columns:
        if column.index is None:
            continue
        for constraint, expected, condition in _broken_constraints(column):
            params = _constraint(constraint, Text(expected, expected))
            yield "constraint-error", _select(column, condition, params)
        if column.field.constraints.unique:
            yield "unique-error", _repeats((column,), each_file)


def key_failures(
    profile: Profile, columns: tuple[TypedColumn, ...], each_file: str = ""
) -> Iterator[tuple[str, str]]:
    """Code and query for rows whose key is empty, taken, or refers to nothing."""
    by_name = {column.field.name: column for column in columns if column.index is not None}
    primary = [by_name[name] for name in profile.primary_key if name in by_name]
    if primary and len(primary) == len(profile.primary_key):
        yield "primary-key", _repeats(primary, each_file)
        # An empty cell of a required field is reported as such.
        yield from (
            ("primary-key", _select(column, _is_empty(column), {"case": literal("missing")}, value="''"))
            for column in primary
            if not column.field.constraints.required
        )
    for names in profile.unique_keys:
        if all(name in by_name for name in names):
            yield "unique-error", _repeats([by_name[name] for name in names], each_file)
    for key in profile.foreign_keys:
        names_here = key.fields if key.resource else (*key.fields, *key.referenced)
        if all(name in by_name for name in names_here):
            yield "foreign-key", _unreferenced(key, by_name, each_file)


def _is_empty(column: TypedColumn) -> str:
    return f"{column.field.column} IS NULL AND coalesce({column.field.name}_raw, '') = ''"


def _unreferenced(key: ForeignKey, by_name: Mapping[str, TypedColumn], each_file: str) -> str:
    """The query for rows whose foreign key, given in full, occurs nowhere in what it refers to."""
    columns = [by_name[name] for name in key.fields]
    own = [_key_of(column) for column in columns]
    if key.resource:
        theirs = [_key_of(column, f'"{name}"') for column, name in zip(columns, key.referenced, strict=True)]
        source = f"ref_{key.resource}"
    else:
        theirs, source = [_key_of(by_name[name]) for name in key.referenced], "typed"
        own, theirs = [*own, *_files(each_file)], [*theirs, *_files(each_file)]
    here = ", ".join(f"{part} AS key{index}" for index, part in enumerate(own))
    there = ", ".join(f"{part} AS key{index}" for index, part in enumerate(theirs))
    given = " AND ".join(f"{column.field.column} IS NOT NULL" for column in columns)
    using = ", ".join(f"key{index}" for index in range(len(own)))
    title = columns[0].field.title
    selected = hits(
        columns[0].field.name, params={"title_en": literal(title.en), "title_fr": literal(title.fr)}
    )
    return (
        f"SELECT {selected} FROM (SELECT row, {here} FROM typed WHERE {given}) "
        f"ANTI JOIN (SELECT DISTINCT {there} FROM {source}) USING ({using})"
    )


def _key_of(column: TypedColumn, text: str = "") -> str:
    """What a column's values, or a text read as one of them, are compared by across types."""
    value = values.read(column.field, text, column.pattern) if text else column.field.column
    return f"({column.key.format(value)})::VARCHAR"


def _files(each_file: str) -> list[str]:
    return [each_file.removesuffix(", ")] if each_file else []


def _key(column: TypedColumn) -> str:
    """The SQL of what a column's values are compared by."""
    return column.key.format(column.field.column)


def duplicate_rows(column_count: int) -> str:
    """The query for rows all of whose cells equal an earlier row's."""
    everything = ", ".join(f"coalesce(c{index}, '')" for index in range(column_count))
    selected = hits("", other_row="first_row")
    return (
        f"SELECT {selected} FROM (SELECT row, min(row) OVER (PARTITION BY {everything}) AS first_row FROM cells "
        f"WHERE hash({everything}) IN (SELECT h FROM (SELECT hash({everything}) AS h FROM cells) GROUP BY h "
        f"HAVING count(*) > 1)) WHERE row > first_row"
    )


def normalized_counts(
    connection: duckdb.DuckDBPyConnection, columns: tuple[TypedColumn, ...], file_column: str = ""
) -> Iterator[tuple[int, TypedColumn, int]]:
    """File and column in which some values were read from another than the plain form, with how many.

    A form that a rule of its own reports (a point in an amount) is not counted here.
    """
    present = [column for column in columns if column.index is not None]
    if not present:
        return
    selected = ", ".join(map(_count_changed, present))
    for file, counts in _by_file(connection, selected, "odd_rows", file_column).items():
        for column, count in zip(present, counts, strict=True):
            if count:
                yield file, column, count


def severity_in(profile: Profile, code: str) -> str:
    """The severity of a schema code in this profile."""
    return profile.setting(code).severity or texts.texts_of(code).severity


def is_on(profile: Profile, code: str) -> bool:
    """Whether a profile wants findings of a code."""
    return severity_in(profile, code) != OFF


def total_rows() -> str:
    """The query for rows that sum up others."""
    return f"SELECT {hits('')} FROM total_rows"


def shown_format(pattern: str) -> str:
    """A date format as its reader knows it: `DD/MM/YYYY`."""
    return clock.written(pattern)[1]


def as_text(text: str) -> str:
    """A text as JSON."""
    return json.dumps(text, ensure_ascii=False)


def as_json(params: Mapping[str, object]) -> str:
    """Parameters as the JSON text that stands in a finding."""
    return json.dumps(params, ensure_ascii=False, default=str)


def _by_file(
    connection: duckdb.DuckDBPyConnection, selected: str, source: str, file_column: str
) -> dict[int, tuple[int, ...]]:
    """Some counts for each file of a table; a lone file has the number 0."""
    if not file_column:
        return {0: _one(connection, f"SELECT {selected} FROM {source}")}
    rows = connection.execute(f"SELECT {file_column}, {selected} FROM {source} GROUP BY 1").fetchall()
    return {int(file): tuple(counts) for file, *counts in rows}


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    return tuple(row or ())


def _count_changed(column: TypedColumn) -> str:
    raw = f"{column.field.name}_raw"
    same = f" AND NOT {column.also_plain.format(raw)}" if column.also_plain else ""
    return f"count({raw}) FILTER ({column.field.column} IS NOT NULL{same})"


def _constraint(name: str, expected: Text) -> dict[str, str]:
    """The parameters of a finding about a constraint, as SQL."""
    told = {"constraint": name, "case": name, "expected_en": expected.en, "expected_fr": expected.fr}
    return {key: literal(text) for key, text in told.items()}


def _leading_zero(column: TypedColumn, raw: str) -> str:
    """The SQL of the value with the zero that a spreadsheet took from its front: where one digit is missing."""
    digits = re.fullmatch(r"\[0-9\]\{(\d+)(?:,\d+)?\}", column.field.constraints.pattern or "")
    if digits is None or int(digits.group(1)) < 2:
        return "NULL"
    return f"CASE WHEN regexp_full_match({raw}, '[0-9]{{{int(digits.group(1)) - 1}}}') THEN '0' || {raw} END"


def _select(
    column: TypedColumn,
    condition: str,
    params: Mapping[str, str],
    value: str = "NULL",
    table: str = "typed",
    suggestion: str = "NULL",
) -> str:
    name, title = type_name(column.field), column.field.title
    titles = {"title_en": literal(title.en), "title_fr": literal(title.fr)}
    titles |= {"type_en": literal(name.en), "type_fr": literal(name.fr)}
    selected = hits(column.field.name, value=value, params={**titles, **params}, suggestion=suggestion)
    return f"SELECT {selected} FROM {table} WHERE {condition}"


def _repeats(columns: Sequence[TypedColumn], each_file: str) -> str:
    """The query for second and later rows with the same values, each naming the first."""
    key = each_file + ", ".join(map(_key, columns))
    given = " AND ".join(f"{column.field.column} IS NOT NULL" for column in columns)
    selected = hits(columns[0].field.name, other_row="first_row")
    return (
        f"SELECT {selected} FROM (SELECT row, min(row) OVER (PARTITION BY {key}) AS first_row FROM typed "
        f"WHERE {given} AND hash({key}) IN (SELECT h FROM (SELECT hash({key}) AS h FROM typed WHERE {given}) "
        f"GROUP BY h HAVING count(*) > 1)) WHERE row > first_row"
    )


def _broken_constraints(column: TypedColumn) -> Iterator[tuple[str, str, str]]:
    """Name, bound and SQL condition for each constraint that a value can break after it was read."""
    wanted: Constraints = column.field.constraints
    name = column.field.column
    if wanted.enum:
        yield "enum", ", ".join(wanted.enum[:10]), _is_none_of(column, wanted.enum)
    for constraint, limit in bounds_of(wanted).items():
        if limit is not None:
            told = column.key.format(values.bound(column, limit))
            yield constraint, limit, f"{_key(column)} {_BREAKS[constraint]} {told}"
    size = column.size.format(name)
    of_items = "" if column.size == "length({0})" else "Items"
    if wanted.min_length is not None:
        yield f"minLength{of_items}", str(wanted.min_length), f"{size} < {wanted.min_length}"
    if wanted.max_length is not None:
        yield f"maxLength{of_items}", str(wanted.max_length), f"{size} > {wanted.max_length}"


_BREAKS = {"minimum": "<", "maximum": ">", "exclusiveMinimum": "<=", "exclusiveMaximum": ">="}


def _is_none_of(column: TypedColumn, allowed: Sequence[str]) -> str:
    """The SQL condition that a value equals none of those allowed, compared as values and not as texts."""
    if column.sql_type == "VARCHAR" and column.key == "{0}":
        return f"{column.field.column} NOT IN ({literals(allowed)})"
    told = (
        f"coalesce({_key(column)} = {column.key.format(values.bound(column, text))}, false)"
        for text in allowed
    )
    return f"{column.field.column} IS NOT NULL AND NOT ({' OR '.join(told)})"
