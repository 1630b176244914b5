"""Daily fees that pass their maximum."""

from validations.engine.rules import ERROR, Context, Parameter, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class DailyFeeMaximum(Rule):
    """Per day (provider, date of service) the amounts of the fee codes together do not pass `maximum_cents`."""

    needs = ("provider", "service_date", "code", "amount")
    parameters = (
        Parameter("codes", ("19928", "19929"), "code", Text("Fee codes", "Codes de forfait")),
        Parameter("maximum_cents", 6480, "cents", Text("Maximum a day", "Maximum par jour")),
    )
    texts = CodeTexts(
        code="daily-fee-maximum",
        severity=ERROR,
        title=Text("Daily fee above the maximum", "Forfait quotidien supérieur au maximum"),
        message=Text(
            "The fees of this provider on {day:date} come to {total:money} > {maximum:money} "
            "({line_count|line|lines} {lines:list}).",
            "Les forfaits de ce médecin le {day:date} totalisent {total:money} > {maximum:money} "
            "({line_count|ligne|lignes} {lines:list}).",
        ),
        explanation=Text(
            "The daily fees of one provider together may not pass the maximum of the day.",
            "Les forfaits quotidiens d'un même médecin ne peuvent dépasser ensemble le maximum du jour.",
        ),
        fix=Text(
            "Keep the fee that fits the number of patients of the day and remove the other.",
            "Gardez le forfait qui correspond au nombre de patients du jour et retirez l'autre.",
        ),
    )

    def sql(self, context: Context) -> str:
        """One finding a day, at the last fee line."""
        maximum = context.number("maximum_cents", "service_date")
        params = {"day": "service_date::VARCHAR", "total": "total", "maximum": maximum}
        return (
            f"SELECT {hits('amount', params=params, rows='rows')} FROM (SELECT service_date, max(row) AS row, "
            f"list(row ORDER BY row) AS rows, sum(amount_cents) AS total FROM {context.rows} "
            f"WHERE code IN ({context.codes('codes')}) GROUP BY {context.each_file}provider_key, service_date) "
            f"WHERE total > {maximum}"
        )
