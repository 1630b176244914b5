"""Dates that are none, or are written unlike the rest of their column."""

from validations.engine.rules import ERROR, Context, FieldFacts, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text

_ISO = "'([0-9]{4})-([0-9]{2})-([0-9]{2})'"
_SLASHES = "'([0-9]{2})/([0-9]{2})/([0-9]{4})'"
# How spreadsheets keep a day: as the number of days since the one before 1900; these are the years 2000 to 2099.
_SERIAL, _DAY_ZERO, _FIRST_SERIAL, _LAST_SERIAL = "'[3-7][0-9]{4}(\\.0+)?'", "1899-12-30", 36526, 73050


@rule
class DateFormat(Rule):
    """A date is a real calendar date, written in the one format of its column.

    The format (ISO or DD/MM/YYYY) is decided for the whole column by what most of its cells use.
    """

    judges_format = True
    texts = CodeTexts(
        code="date-format",
        severity=ERROR,
        title=Text("Date that cannot be read", "Date illisible"),
        message=Text(
            "“{title:text}” is not a calendar date written {form:text}.",
            "« {title:text} » n'est pas une date du calendrier écrite {form:text}.",
        ),
        messages={
            "other-format": Text(
                "“{title:text}” is written unlike the rest of its column, which uses {form:text}.",
                "« {title:text} » n'est pas écrite comme le reste de sa colonne, qui utilise {form:text}.",
            ),
            "serial": Text(
                "“{title:text}” holds the number that a spreadsheet keeps for a day, instead of a date written "
                "{form:text}.",
                "« {title:text} » contient le nombre qu'un tableur garde pour un jour, au lieu d'une date écrite "
                "{form:text}.",
            ),
        },
        explanation=Text(
            "One column has one date format; a date in another one could be read with day and month swapped.",
            "Une colonne n'a qu'un format de date ; une date écrite autrement pourrait être lue avec "
            "jour et mois inversés.",
        ),
        fix=Text(
            "Correct the date, or format the whole column the same way before exporting.",
            "Corrigez la date, ou mettez toute la colonne au même format avant d'exporter.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Dates that could not be read in their column's format."""
        return " UNION ALL ".join(_failures(facts) for facts in context.failing(self.code))


def _failures(facts: FieldFacts) -> str:
    raw = f"{facts.name}_raw"
    certain = _certain_fix(facts, raw)
    params = {
        "title_en": literal(facts.title_en),
        "title_fr": literal(facts.title_fr),
        "form_en": literal(facts.form_en),
        "form_fr": literal(facts.form_fr),
        "case": f"CASE WHEN {_is_serial(raw)} THEN 'serial' WHEN fix IS NOT NULL THEN 'other-format' END",
    }
    selected = hits(facts.name, value=raw, params=params, suggestion="fix")
    return (
        f"SELECT {selected} FROM (SELECT row, {raw}, CASE WHEN {_is_serial(raw)} THEN {_of_serial(facts, raw)} "
        f"ELSE {certain} END AS fix FROM odd_rows "
        f"WHERE {facts.column} IS NULL AND {raw} <> '')"
    )


def _is_serial(raw: str) -> str:
    """The SQL condition that a cell is the number of a day; never NULL."""
    is_in_years = f"coalesce(TRY_CAST({raw} AS DOUBLE) BETWEEN {_FIRST_SERIAL} AND {_LAST_SERIAL}, false)"
    return f"(regexp_full_match({raw}, {_SERIAL}) AND {is_in_years})"


def _of_serial(facts: FieldFacts, raw: str) -> str:
    day = f"DATE '{_DAY_ZERO}' + TRY_CAST(TRY_CAST({raw} AS DOUBLE) AS INTEGER)"
    return f"strftime({day}, {literal(facts.pattern or '%Y-%m-%d')})"


def _certain_fix(facts: FieldFacts, raw: str) -> str:
    """The SQL of the date in the column's format where only one reading is possible."""
    if facts.pattern == "%Y-%m-%d":
        day = f"try_strptime(regexp_extract({raw}, {_SLASHES}), '%d/%m/%Y')"
        return (
            f"CASE WHEN regexp_full_match({raw}, {_SLASHES}) AND substr({raw}, 1, 2) > '12' "
            f"THEN strftime({day}, '%Y-%m-%d') END"
        )
    day = f"TRY_CAST(regexp_extract({raw}, {_ISO}) AS DATE)"
    return f"CASE WHEN regexp_full_match({raw}, {_ISO}) THEN strftime({day}, {literal(facts.pattern)}) END"
