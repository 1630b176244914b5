"""Acts paid once a year and billed again."""

from validations.engine.rules import ERROR, WARNING, Context, LookBack, Parameter, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Annual(Rule):
    """The codes of the tariff's group `annual` (together), and each code of `codes`: once per patient and year.

    Two or more paid: an error on all but the first paid one. One paid: an error on the unpaid ones. None paid: a
    warning on all but the first. Acts of completed earlier runs that were not refused come before those of this file;
    one whose record stands in this file too is the same act and counts here. Findings stand at rows of this file only.
    """

    needs = ("code", "patient", "service_date")
    back_needs = ("code", "patient", "service_date", "record_id")
    tables = ("codes",)
    parameters = (
        Parameter("codes", ("8875",), "code", Text("Codes counted each", "Codes comptés séparément")),
        Parameter(
            "unpaid_severity", WARNING, "severity", Text("Severity, none paid", "Gravité si aucun n'est payé")
        ),
    )
    texts = CodeTexts(
        code="annual",
        severity=ERROR,
        title=Text("Annual act billed again", "Acte annuel facturé de nouveau"),
        message=Text(
            "This act was already paid to this patient in {year:text} (line {other_line:text}).",
            "Cet acte a déjà été payé pour ce patient en {year:text} (ligne {other_line:text}).",
        ),
        messages={
            "paid": Text(
                "This act was paid twice for this patient in {year:text} (first on line {other_line:text}).",
                "Cet acte a été payé deux fois pour ce patient en {year:text} (d'abord à la ligne {other_line:text}).",
            ),
            "unpaid": Text(
                "This act is billed again for this patient in {year:text}; keep the first one (line "
                "{other_line:text}).",
                "Cet acte est facturé de nouveau pour ce patient en {year:text} ; gardez le premier "
                "(ligne {other_line:text}).",
            ),
            # The first one stands in an earlier file.
            "earlier": Text(
                "This act was already paid to this patient in {year:text}: “{file:text}”, sent on {day:date} "
                "(line {earlier_line:text}).",
                "Cet acte a déjà été payé pour ce patient en {year:text} : « {file:text} », envoyé le {day:date} "
                "(ligne {earlier_line:text}).",
            ),
            "earlier-paid": Text(
                "This act was paid twice for this patient in {year:text}, first in “{file:text}”, sent on {day:date} "
                "(line {earlier_line:text}).",
                "Cet acte a été payé deux fois pour ce patient en {year:text}, d'abord dans « {file:text} », envoyé le "
                "{day:date} (ligne {earlier_line:text}).",
            ),
            "earlier-unpaid": Text(
                "This act is billed again for this patient in {year:text}; it was first in “{file:text}”, sent on "
                "{day:date} (line {earlier_line:text}).",
                "Cet acte est facturé de nouveau pour ce patient en {year:text} ; il était d'abord dans "
                "« {file:text} », envoyé le {day:date} (ligne {earlier_line:text}).",
            ),
        },
        explanation=Text(
            "The payer pays these acts once per patient and calendar year.",
            "Le payeur paie ces actes une fois par patient et par année civile.",
        ),
        fix=Text(
            "Remove the second one; pay back what was paid twice.",
            "Retirez le second ; remboursez ce qui a été payé en double.",
        ),
    )

    def looks_back(self, context: Context) -> LookBack:
        """Annual acts of the calendar years of the file's own ones; kept are those of the file's patients."""
        return LookBack(
            days=(
                f"SELECT make_date(first, 1, 1), make_date(last, 12, 31), (SELECT list(DISTINCT code) FROM "
                f"({_codes(context)})) FROM (SELECT min(year(service_date)) AS first, max(year(service_date)) AS last "
                f"FROM {context.rows} WHERE code IN ({_codes(context)}))"
            ),
            keep=(
                f"code IN ({_codes(context)}) AND patient_key IN (SELECT patient_key FROM typed "
                f"WHERE code IN ({_codes(context)}))"
            ),
        )

    def sql(self, context: Context) -> str:
        """Rows beyond the one that may be paid."""
        params = {
            "year": "year",
            "case": (
                "nullif(concat_ws('-', CASE WHEN first < 0 THEN 'earlier' END, "
                "CASE WHEN paid = 0 THEN 'unpaid' WHEN is_paid THEN 'paid' END), '')"
            ),
        }
        joined = ""
        if context.has_earlier:
            params |= {
                "file": "r.file_name",
                "run_id": "r.id",
                "day": "r.day::VARCHAR",
                "earlier_line": "e.line",
            }
            joined = " LEFT JOIN past e ON e.place = c.first LEFT JOIN earlier_runs r ON r.run = e.run"
        severity = f"CASE WHEN paid = 0 THEN {context.text('unpaid_severity')} END"
        selected = hits(
            "code",
            row="c.place",
            params=params,
            other_row="CASE WHEN first > 0 THEN first END",
            severity=severity,
        )
        return (
            f"WITH {_acts(context)}, counted AS (SELECT *, coalesce(min(place) FILTER (is_paid) OVER w, "
            "min(place) OVER w) AS first, count(*) FILTER (is_paid) OVER w AS paid FROM acts "
            f"WINDOW w AS (PARTITION BY {context.each_file}patient_key, year, unit)) "
            f"SELECT {selected} FROM counted c{joined} WHERE c.place > 0 AND c.place <> first"
        )


def _codes(context: Context) -> str:
    """The SELECT of every code that is paid once a year."""
    listed = ", ".join(f"({literal(code)})" for code in context.params["codes"])
    own = f"SELECT code FROM (VALUES {listed}) v(code) UNION " if listed else ""
    return f'{own}SELECT code FROM ref_codes WHERE "group" = {literal("annual")}'


def _acts(context: Context) -> str:
    """The common tables of the annual acts, those of earlier runs at places below zero in their order."""
    unit = f"CASE WHEN code IN ({context.codes('codes')}) THEN code ELSE 'annual' END AS unit"
    act = f"patient_key, year(service_date) AS year, {unit}, coalesce(amount_paid_cents, 0) > 0 AS is_paid"
    own = (
        f"SELECT {context.each_file}row AS place, {act} FROM {context.rows} WHERE code IN ({_codes(context)})"
    )
    if not context.has_earlier:
        return f"acts AS ({own})"
    return (
        "past AS MATERIALIZED (SELECT e.*, row_number() OVER (ORDER BY r.position, e.line) - 1 - count(*) OVER () "
        "AS place FROM earlier e JOIN earlier_runs r ON r.run = e.run WHERE NOT r.is_refused "
        f"AND e.code IN ({_codes(context)}) "
        "AND e.record_id NOT IN (SELECT record_id FROM typed WHERE record_id IS NOT NULL)), "
        f"acts AS ({own} UNION ALL SELECT place, {act} FROM past)"
    )
