"""Intervention time beyond the day's maximum."""

from validations.engine.rules import ERROR, Context, Parameter, Rule, elements, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class InterventionMaximum(Rule):
    """Per day 30 minutes for each first code (8857) plus the units of the further code (8859) do not pass the maximum.

    Rows with an exempt context (ICEP, ICSM, ICTOX) are not counted. A further code without a first one for the same
    provider, patient and day is an error too.
    """

    needs = ("provider", "service_date", "code", "units", "patient", "context")
    parameters = (
        Parameter("first_code", "8857", "code", Text("First period", "Première période")),
        Parameter("further_code", "8859", "code", Text("Further minutes", "Minutes supplémentaires")),
        Parameter(
            "first_minutes",
            30,
            "minutes",
            Text("Minutes of the first period", "Minutes de la première période"),
        ),
        Parameter("maximum_minutes", 180, "minutes", Text("Maximum a day", "Maximum par jour")),
        Parameter(
            "exempt_contexts",
            ("ICEP", "ICSM", "ICTOX"),
            "code",
            Text("Exempt contexts", "Contextes exemptés"),
        ),
    )
    texts = CodeTexts(
        code="intervention-maximum",
        severity=ERROR,
        title=Text("Intervention time above the maximum", "Durée d'intervention supérieure au maximum"),
        message=Text(
            "The interventions of this provider on {day:date} come to {minutes:number} > {maximum:number} minutes "
            "({line_count|line|lines} {lines:list}).",
            "Les interventions de ce médecin le {day:date} totalisent {minutes:number} > {maximum:number} minutes "
            "({line_count|ligne|lignes} {lines:list}).",
        ),
        messages={
            "alone": Text(
                "{further:text} is billed without {first:text} for the same patient and day.",
                "{further:text} est facturé sans {first:text} pour le même patient et le même jour.",
            )
        },
        explanation=Text(
            "Clinical interventions are paid up to a number of minutes a day; further minutes follow a first period.",
            "Les interventions cliniques sont payées jusqu'à un nombre de minutes par jour ; les "
            "minutes supplémentaires "
            "suivent une première période.",
        ),
        fix=Text(
            "Remove what passes the maximum, add the first period, or give the context that exempts the line.",
            "Retirez ce qui dépasse le maximum, ajoutez la première période, ou indiquez le contexte "
            "qui exempte la ligne.",
        ),
    )

    def applies(self, context: Context) -> bool:
        """Whether the file has what is needed; without units or contexts, one unit and no exemption count."""
        return all(context.has(name) for name in ("provider", "service_date", "code", "patient"))

    def sql(self, context: Context) -> str:
        """One finding a day at its last intervention, and one for each lone further code."""
        first, further = context.text("first_code"), context.text("further_code")
        maximum = context.number("maximum_minutes", "service_date")
        period = context.number("first_minutes", "service_date")
        minutes = f"CASE WHEN code = {first} THEN {period} ELSE coalesce(units, 1) END"
        exempt = f"[{', '.join(literal(code) for code in context.params['exempt_contexts'])}]::VARCHAR[]"
        day = {"day": "service_date::VARCHAR", "minutes": "minutes", "maximum": maximum}
        same_file = f" AND b.{context.file_column} = a.{context.file_column}" if context.file_column else ""
        alone = {"case": "'alone'", "first": first, "further": further}
        return (
            f"WITH acts AS MATERIALIZED (SELECT {context.each_file}row, provider_key, patient_key, service_date, code, "
            f"{minutes} AS minutes, coalesce(list_has_any({elements('context')}, {exempt}), false) AS is_exempt "
            f"FROM {context.rows} WHERE code IN ({first}, {further})) "
            f"SELECT {hits('code', params=day, rows='rows')} FROM (SELECT service_date, max(row) AS row, "
            "list(row ORDER BY row) AS rows, sum(minutes) AS minutes FROM acts WHERE NOT is_exempt "
            f"GROUP BY {context.each_file}provider_key, service_date) WHERE minutes > {maximum} UNION ALL "
            f"SELECT {hits('code', params=alone)} FROM acts a WHERE code = {further} AND NOT EXISTS "
            f"(SELECT 1 FROM acts b "
            f"WHERE b.code = {first} AND b.provider_key = a.provider_key AND b.patient_key = a.patient_key "
            f"AND b.service_date = a.service_date{same_file})"
        )
