"""Cells that must not be empty."""

from validations.engine.rules import ERROR, Context, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Required(Rule):
    """Every field the profile marks as required is not empty after trimming, no-break spaces included.

    A cell that is missing altogether is reported as such by the reading pass, not a second time here.
    """

    judges_format = True
    texts = CodeTexts(
        code="required",
        severity=ERROR,
        title=Text("Required cell is empty", "Cellule obligatoire vide"),
        message=Text("“{title:text}” is empty.", "« {title:text} » est vide."),
        explanation=Text(
            "Without this value the payer cannot process the line.",
            "Sans cette valeur, le payeur ne peut pas traiter la ligne.",
        ),
        fix=Text(
            "Fill in the cell and send the file again.", "Remplissez la cellule et renvoyez le fichier."
        ),
    )

    def applies(self, context: Context) -> bool:
        """Whether any required field has a column."""
        return any(facts.is_required and facts.index is not None for facts in context.fields.values())

    def sql(self, context: Context) -> str:
        """Rows with an empty required cell."""
        parts = []
        for facts in context.fields.values():
            if not facts.is_required or facts.index is None:
                continue
            params = {"title_en": literal(facts.title_en), "title_fr": literal(facts.title_fr)}
            parts.append(
                f"SELECT {hits(facts.name, value=literal(''), params=params)} FROM odd_rows "
                f"WHERE {facts.column} IS NULL AND {facts.name}_raw = ''"
            )
        return " UNION ALL ".join(parts)
