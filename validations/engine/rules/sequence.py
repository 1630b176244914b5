"""Line numbers that skip or repeat."""

from validations.engine.rules import WARNING, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Sequence(Rule):
    """The line numbers (`#`) run 1, 2, 3 ...; a gap or a repeat is reported once per stretch."""

    needs = ("row_no",)
    texts = CodeTexts(
        code="sequence",
        severity=WARNING,
        title=Text("Line numbers skip or repeat", "Numéros de ligne sautés ou répétés"),
        message=Text(
            "After number {previous:text} comes {found:text}, not {expected:text}.",
            "Après le numéro {previous:text} vient {found:text}, et non {expected:text}.",
        ),
        messages={
            "first": Text(
                "The numbers begin with {found:text}, not with 1.",
                "Les numéros commencent à {found:text}, et non à 1.",
            )
        },
        explanation=Text(
            "A gap can mean that lines were lost on the way; a repeat, that two exports were joined.",
            "Un saut peut signifier que des lignes ont été perdues ; une répétition, que deux "
            "exportations ont été jointes.",
        ),
        fix=Text(
            "Compare with the original export: add the missing lines, remove those that are there twice.",
            "Comparez avec l'exportation d'origine : ajoutez les lignes manquantes, supprimez celles en double.",
        ),
    )

    def sql(self, context: Context) -> str:
        """The first row of each stretch whose step is not 1.

        One wrong number is told once: not again where the next row goes on from the one before it, and not where
        the rows in between have no number that could be read.
        """
        partition = f"PARTITION BY {context.file_column} " if context.file_column else ""
        params = {
            "previous": "previous",
            "found": "row_no",
            "expected": "previous + 1",
            "case": "CASE WHEN previous IS NULL THEN 'first' END",
        }
        return (
            f"SELECT {hits('row_no', params=params)} FROM (SELECT row, row_no, lag(row_no) OVER w AS previous, "
            f"lag(row_no, 2) OVER w AS before, row - lag(row) OVER w AS rows_on FROM {context.rows} "
            f"WHERE row_no IS NOT NULL WINDOW w AS ({partition}ORDER BY row)) "
            "WHERE (previous IS NULL AND row_no <> 1) OR (row_no - previous NOT IN (1, rows_on) "
            "AND ((before IS NULL AND row_no <> 2) "
            "OR (row_no - before <> 2 AND row_no - previous <> previous - before)))"
        )
