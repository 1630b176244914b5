"""Billing periods that do not fit the date."""

from validations.engine.rules import WARNING, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Period(Rule):
    """The period is the ISO year and week of the date of service (YYYYWW)."""

    needs = ("period", "service_date")
    is_off_by_default = True
    texts = CodeTexts(
        code="period",
        severity=WARNING,
        title=Text("Period does not fit the date", "La période ne correspond pas à la date"),
        message=Text(
            "The date of service lies in period {expected:text}.",
            "La date de service appartient à la période {expected:text}.",
        ),
        explanation=Text(
            "The period is made of the year and the week of the date of service.",
            "La période est formée de l'année et de la semaine de la date de service.",
        ),
        fix=Text("Correct the period or the date.", "Corrigez la période ou la date."),
    )

    def sql(self, context: Context) -> str:
        """Rows whose period is another than their date's."""
        expected = "strftime(service_date, '%G%V')"
        return (
            f"SELECT {hits('period', params={'expected': expected}, suggestion=expected)} FROM {context.rows} "
            f"WHERE period <> {expected}"
        )
