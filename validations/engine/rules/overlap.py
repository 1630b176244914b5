"""Visits of one provider that overlap."""

from validations.engine.rules import WARNING, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Overlap(Rule):
    """No two visits [start, end) of one provider and day with different patients overlap.

    A visit is the rows of one patient with the same times; each is held against the one before it that ends last and
    the one right before it. Rows without both times, with 00:00, or whose end is not after their start are left out.
    """

    needs = ("provider", "service_date", "patient", "start_time", "end_time")
    texts = CodeTexts(
        code="overlap",
        severity=WARNING,
        title=Text("Times overlap", "Heures qui se chevauchent"),
        message=Text(
            "This visit begins at {start:text}, before the visit of another patient on line {other_line:text} ends "
            "({end:text}).",
            "Cette visite commence à {start:text}, avant la fin ({end:text}) de celle d'un autre patient à la ligne "
            "{other_line:text}.",
        ),
        explanation=Text(
            "One provider sees one patient at a time; the payer may ask for an explanation.",
            "Un médecin voit un patient à la fois ; le payeur peut demander une explication.",
        ),
        fix=Text("Check both visits' times.", "Vérifiez les heures des deux visites."),
    )

    def sql(self, context: Context) -> str:
        """Later visits that begin before an earlier one has ended."""
        params = {
            "start": "strftime(DATE '2000-01-01' + start_time, '%H:%M')",
            "end": "strftime(DATE '2000-01-01' + other.end_time, '%H:%M')",
        }
        visit = "{'end_time': end_time, 'patient': patient_key, 'row': row}"
        before = "ORDER BY start_time, row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
        return (
            f"WITH visits AS MATERIALIZED (SELECT hash({context.each_file}provider_key, service_date) AS day, "
            "patient_key, start_time, "
            f"end_time, min(row) AS row FROM {context.rows} WHERE start_time > TIME '00:00' AND end_time > start_time "
            "GROUP BY day, patient_key, start_time, end_time), crowded AS (SELECT DISTINCT day FROM (SELECT day, "
            f"start_time, max(end_time) OVER (PARTITION BY day {before}) AS latest_end FROM visits) "
            "WHERE latest_end > start_time), ordered AS (SELECT *, max(end_time) OVER w AS latest_end, "
            f"arg_max({visit}, end_time) OVER w AS latest, lag({visit}) OVER (PARTITION BY day "
            "ORDER BY start_time, row) AS previous FROM visits WHERE day IN (SELECT day FROM crowded) "
            f"WINDOW w AS (PARTITION BY day {before})), "
            "candidates AS (SELECT row, start_time, CASE WHEN latest.patient <> patient_key THEN latest "
            "WHEN previous.patient <> patient_key AND previous.end_time > start_time THEN previous END AS other "
            "FROM ordered WHERE latest_end > start_time) "
            f"SELECT {hits('start_time', params=params, other_row='other.row')} FROM candidates WHERE other IS NOT NULL"
        )
