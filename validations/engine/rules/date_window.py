"""Services in the future, or too old to be billed."""

from validations.engine.rules import ERROR, WARNING, Context, Parameter, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class DateWindow(Rule):
    """The date of service is not after the day of the upload; beyond `maximum_days` before it, a warning."""

    needs = ("service_date",)
    parameters = (
        Parameter(
            "maximum_days", 90, "days", Text("Days to bill a service", "Délai pour facturer, en jours")
        ),
        Parameter(
            "late_severity", WARNING, "severity", Text("Severity when late", "Gravité en cas de retard")
        ),
    )
    texts = CodeTexts(
        code="date-window",
        severity=ERROR,
        title=Text(
            "Date of service outside the billing window", "Date de service hors du délai de facturation"
        ),
        message=Text(
            "The service is dated {days:number} {days|day|days} after the day of the upload.",
            "Le service est daté de {days:number} {days|jour|jours} après le jour de l'envoi.",
        ),
        messages={
            "late": Text(
                "The service is {days:number} days old; it had to be billed within {maximum:number} days.",
                "Le service date de {days:number} jours ; il devait être facturé dans les {maximum:number} jours.",
            )
        },
        explanation=Text(
            "A service cannot be billed before it was given, and the payer refuses claims that come too late.",
            "Un service ne peut être facturé avant d'être rendu, et le payeur refuse les demandes tardives.",
        ),
        fix=Text(
            "Check the date. For a late claim, ask the payer for an extension before sending it.",
            "Vérifiez la date. Pour une demande tardive, demandez une prolongation au payeur avant l'envoi.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Services after today or older than the window."""
        today = f"DATE '{context.today.isoformat()}'"
        maximum = context.number("maximum_days", "service_date")
        is_late = "service_date <= today"
        params = {
            "days": "abs(date_diff('day', service_date, today))",
            "maximum": maximum,
            "case": f"CASE WHEN {is_late} THEN 'late' END",
        }
        severity = f"CASE WHEN {is_late} THEN {context.text('late_severity')} END"
        return (
            f"SELECT {hits('service_date', params=params, severity=severity)} "
            f"FROM (SELECT row, service_date, {today} AS today FROM {context.rows}) "
            f"WHERE service_date > today OR service_date < today - {maximum}::INTEGER"
        )
