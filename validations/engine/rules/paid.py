"""Lines paid more than they were billed."""

from validations.engine.rules import WARNING, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Paid(Rule):
    """The amount paid is not above the amount billed."""

    needs = ("amount", "amount_paid")
    texts = CodeTexts(
        code="paid",
        severity=WARNING,
        title=Text("Paid more than billed", "Payé plus que facturé"),
        message=Text(
            "{paid:money} was paid for {amount_cents:money} billed.",
            "{paid:money} ont été payés pour {amount_cents:money} facturés.",
        ),
        explanation=Text(
            "The payer does not pay more than was billed; one of the two amounts is probably wrong.",
            "Le payeur ne paie pas plus que ce qui est facturé ; l'un des deux montants est sans doute faux.",
        ),
        fix=Text("Compare with the payer's statement.", "Comparez avec l'état de compte du payeur."),
    )

    def sql(self, context: Context) -> str:
        """Rows paid more than billed."""
        params = {"paid": "amount_paid_cents", "amount_cents": "amount_cents"}
        return f"SELECT {hits('amount_paid', params=params)} FROM {context.rows} WHERE amount_paid_cents > amount_cents"
