"""Acts paid once a year and billed again."""

from validations.engine.rules import ERROR, WARNING, Context, Parameter, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Annual(Rule):
    """The codes of the tariff's group `annual` (together), and each code of `codes`: once per patient and year.

    Two or more paid: an error on all but the first paid one. One paid: an error on the unpaid ones. None paid: a
    warning on all but the first. Only this file is looked at.
    """

    needs = ("code", "patient", "service_date")
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

    def sql(self, context: Context) -> str:
        """Rows beyond the one that may be paid."""
        own = context.codes("codes")
        unit = f"CASE WHEN code IN ({own}) THEN code ELSE 'annual' END"
        params = {
            "year": "year",
            "case": "CASE WHEN paid = 0 THEN 'unpaid' WHEN is_paid THEN 'paid' END",
        }
        severity = f"CASE WHEN paid = 0 THEN {context.text('unpaid_severity')} END"
        return (
            f"WITH acts AS (SELECT {context.each_file}row, patient_key, year(service_date) AS year, "
            f"{unit} AS unit, coalesce(amount_paid_cents, 0) > 0 AS is_paid FROM {context.rows} WHERE code IN ({own}) "
            f'OR code IN (SELECT code FROM ref_codes WHERE "group" = {literal("annual")})), '
            "counted AS (SELECT *, count(*) FILTER (is_paid) OVER w AS paid, min(row) OVER w AS first_row, "
            "min(row) FILTER (is_paid) OVER w AS first_paid FROM acts WINDOW w AS (PARTITION BY "
            f"{context.each_file}patient_key, year, unit)) "
            f"SELECT {hits('code', params=params, other_row='coalesce(first_paid, first_row)', severity=severity)} "
            "FROM counted WHERE row <> coalesce(first_paid, first_row)"
        )
