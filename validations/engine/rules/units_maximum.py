"""More units of an act than one day allows."""

from validations.engine.rules import ERROR, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class UnitsMaximum(Rule):
    """The units of one code for one patient and day do not pass the maximum the tariff gives the code."""

    needs = ("code", "patient", "service_date", "units")
    tables = ("codes",)
    texts = CodeTexts(
        code="units-maximum",
        severity=ERROR,
        title=Text("Too many units", "Trop d'unités"),
        message=Text(
            "{code:text} has {units:number} units for this patient and day; {maximum:number} are "
            "allowed ({line_count|line|lines} {lines:list}).",
            "{code:text} compte {units:number} unités pour ce patient ce jour-là ; {maximum:number} sont permises "
            "({line_count|ligne|lignes} {lines:list}).",
        ),
        explanation=Text(
            "The tariff limits how often an act is paid per patient and day.",
            "Le tarif limite le nombre de fois qu'un acte est payé par patient et par jour.",
        ),
        fix=Text("Correct the units or remove a line.", "Corrigez les unités ou retirez une ligne."),
    )

    def sql(self, context: Context) -> str:
        """One finding a patient, day and code, at the last line."""
        params = {"code": "code", "units": "units", "maximum": "maximum"}
        return (
            "WITH bounded AS (SELECT code, TRY_CAST(max_units AS DECIMAL(12, 2)) AS maximum FROM ref_codes "
            "WHERE max_units <> '') "
            f"SELECT {hits('units', params=params, rows='rows')} FROM (SELECT code, any_value(maximum) AS maximum, "
            "max(row) AS row, list(row ORDER BY row) AS rows, sum(coalesce(units, 1)) AS units "
            f"FROM {context.rows} JOIN bounded USING (code) "
            f"GROUP BY {context.each_file}code, patient_key, service_date) "
            "WHERE units > maximum"
        )
