"""Elements of context that are not in the list."""

from validations.engine.rules import ERROR, Context, Rule, elements, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class ContextKnown(Rule):
    """Each element of context, trimmed, in capitals and without a leading `#`, is in the table of contexts.

    Only whole elements count: `AR` is not in `STAR`.
    """

    needs = ("context",)
    tables = ("contexts",)
    texts = CodeTexts(
        code="context-known",
        severity=ERROR,
        title=Text("Unknown element of context", "Élément de contexte inconnu"),
        message=Text(
            "{unknown:list} {count|is not an element|are not elements} of context.",
            "{unknown:list} {count|n'est pas un élément|ne sont pas des éléments} de contexte.",
        ),
        explanation=Text(
            "Elements of context change what an act pays; the payer refuses one it does not know.",
            "Les éléments de contexte modifient le paiement d'un acte ; le payeur refuse un élément inconnu.",
        ),
        fix=Text("Correct or remove the element.", "Corrigez ou retirez l'élément."),
    )

    def sql(self, context: Context) -> str:
        """Rows with an element not listed."""
        return (
            "WITH wrong AS (SELECT context, list(DISTINCT element ORDER BY element) AS unknown FROM (SELECT context, "
            f"unnest({elements('context')}) AS element FROM (SELECT DISTINCT context FROM typed WHERE "
            f"context IS NOT NULL)) "
            "WHERE element <> '' AND element NOT IN (SELECT context FROM ref_contexts) GROUP BY context) "
            f"SELECT {hits('context', params={'unknown': 'unknown', 'count': 'len(unknown)'})} "
            f"FROM {context.rows} JOIN wrong USING (context)"
        )
