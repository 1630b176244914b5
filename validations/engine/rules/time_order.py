"""Visits that end before they begin."""

from validations.engine.rules import ERROR, WARNING, Context, Parameter, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class TimeOrder(Rule):
    """Where start and end are both given and neither is 00:00, the end lies after the start.

    A start at `evening` or later is a warning: the visit may have gone past midnight.
    """

    needs = ("start_time", "end_time")
    parameters = (
        Parameter("evening", "20:00", "time", Text("Evening begins at", "Début de soirée")),
        Parameter(
            "evening_severity", WARNING, "severity", Text("Severity in the evening", "Gravité en soirée")
        ),
    )
    texts = CodeTexts(
        code="time-order",
        severity=ERROR,
        title=Text("End is not after the start", "La fin ne suit pas le début"),
        message=Text(
            "The visit begins at {start:text} and ends at {end:text}.",
            "La visite commence à {start:text} et se termine à {end:text}.",
        ),
        messages={
            "evening": Text(
                "The visit begins at {start:text} and ends at {end:text}: past midnight, or a slip.",
                "La visite commence à {start:text} et se termine à {end:text} : après minuit, ou une erreur de saisie.",
            )
        },
        explanation=Text(
            "A visit that ends before it begins has no duration the payer could accept.",
            "Une visite qui finit avant de commencer n'a pas de durée que le payeur puisse accepter.",
        ),
        fix=Text("Correct one of the two times.", "Corrigez l'une des deux heures."),
    )

    def sql(self, context: Context) -> str:
        """Rows whose end is not after their start."""
        is_evening = f"start_time >= TIME {literal(str(context.params['evening']))}"
        params = {
            "start": "strftime(DATE '2000-01-01' + start_time, '%H:%M')",
            "end": "strftime(DATE '2000-01-01' + end_time, '%H:%M')",
            "case": f"CASE WHEN {is_evening} THEN 'evening' END",
        }
        severity = f"CASE WHEN {is_evening} THEN {context.text('evening_severity')} END"
        return (
            f"SELECT {hits('end_time', params=params, severity=severity)} FROM {context.rows} "
            f"WHERE end_time <= start_time AND start_time <> TIME '00:00' AND end_time <> TIME '00:00'"
        )
