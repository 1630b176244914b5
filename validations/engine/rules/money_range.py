"""Amounts no single line can have."""

from validations.engine.rules import ERROR, Context, Parameter, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class MoneyRange(Rule):
    """The amount of a line lies from `minimum_cents` to `maximum_cents`, both included."""

    needs = ("amount",)
    parameters = (
        Parameter("minimum_cents", 0, "cents", Text("Smallest amount", "Montant minimal")),
        Parameter("maximum_cents", 500_000, "cents", Text("Largest amount", "Montant maximal")),
    )
    texts = CodeTexts(
        code="money-range",
        severity=ERROR,
        title=Text("Amount out of range", "Montant hors limites"),
        message=Text(
            "{amount_cents:money} is not between {minimum:money} and {maximum:money}.",
            "{amount_cents:money} n'est pas entre {minimum:money} et {maximum:money}.",
        ),
        explanation=Text(
            "No act pays less than nothing or more than the largest amount set for this profile.",
            "Aucun acte ne paie moins que zéro ni plus que le montant maximal fixé pour ce profil.",
        ),
        fix=Text(
            "Look for a missing comma or a minus sign, and compare with the tariff.",
            "Cherchez une virgule oubliée ou un signe moins, et comparez avec le tarif.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Rows whose amount is out of range."""
        day = "service_date" if context.has("service_date") else None
        minimum, maximum = context.number("minimum_cents", day), context.number("maximum_cents", day)
        params = {"amount_cents": "amount_cents", "minimum": minimum, "maximum": maximum}
        return (
            f"SELECT {hits('amount', params=params)} FROM {context.rows} "
            f"WHERE amount_cents < {minimum} OR amount_cents > {maximum}"
        )
