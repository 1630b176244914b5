"""Places that are not in the list."""

from validations.engine.rules import WARNING, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class PlaceKnown(Rule):
    """The place of practice is in the table of places."""

    needs = ("place",)
    tables = ("places",)
    texts = CodeTexts(
        code="place-known",
        severity=WARNING,
        title=Text("Unknown place of practice", "Lieu de pratique inconnu"),
        message=Text("The place is not in the list of places.", "Le lieu n'est pas dans la liste des lieux."),
        explanation=Text(
            "The rate of an act depends on the place; an unknown place is often a slip.",
            "Le tarif d'un acte dépend du lieu ; un lieu inconnu est souvent une erreur de saisie.",
        ),
        fix=Text(
            "Check the number, or have the place added to the list.",
            "Vérifiez le numéro, ou faites ajouter le lieu à la liste.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Rows at a place not listed."""
        return (
            f"SELECT {hits('place')} FROM {context.rows} WHERE place IN (SELECT place FROM (SELECT DISTINCT place "
            "FROM typed WHERE place IS NOT NULL) WHERE place NOT IN (SELECT place FROM ref_places))"
        )
