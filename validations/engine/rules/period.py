"""Billing periods that do not fit the date."""

from validations.engine.rules import WARNING, Context, Parameter, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Period(Rule):
    """The period is the ISO year and week of the date of service (YYYYWW), or that of the profile's own calendar.

    The calendar is the payer's own where `first_day` is given: period 01 of the year begins on that day (YYYYMMDD,
    with the dates between which it holds), and each period has `period_days` days.
    """

    needs = ("period", "service_date")
    is_off_by_default = True
    parameters = (
        Parameter(
            "first_day",
            0,
            "count",
            Text(
                "First day of period 01, as YYYYMMDD (0: ISO weeks)",
                "Premier jour de la période 01, en AAAAMMJJ (0 : semaines ISO)",
            ),
        ),
        Parameter("period_days", 7, "days", Text("Days of a period", "Jours d'une période")),
    )
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
        expected = _expected(context)
        return (
            f"SELECT {hits('period', params={'expected': expected}, suggestion=expected)} FROM {context.rows} "
            f"WHERE period <> {expected}"
        )


def _expected(context: Context) -> str:
    """The SQL of the period that a date of service lies in; NULL before the calendar's first day."""
    first_day = context.number("first_day", "service_date")
    days = context.number("period_days", "service_date")
    iso = "strftime(service_date, '%G%V')"
    if first_day == "0":
        return iso
    begins = f"try_strptime(({first_day})::VARCHAR, '%Y%m%d')::DATE"
    number = f"(service_date - {begins}) // greatest({days}, 1) + 1"
    own = f"left(({first_day})::VARCHAR, 4) || lpad(({number})::VARCHAR, 2, '0')"
    return f"(CASE WHEN {first_day} = 0 THEN {iso} WHEN service_date >= {begins} THEN {own} END)"
