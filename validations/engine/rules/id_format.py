"""Identifiers of the wrong shape."""

from validations.engine.rules import ERROR, Context, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class IdFormat(Rule):
    """An identifier has the shape the profile gives it (invoice: 9 digits, RAMQ record: 11 digits).

    A spreadsheet's scientific notation (`1,56E+10`) is named as such: its digits are lost and cannot be restored here.
    """

    judges_format = True
    texts = CodeTexts(
        code="id-format",
        severity=ERROR,
        title=Text("Identifier of the wrong shape", "Identifiant mal formé"),
        message=Text(
            "“{title:text}” does not have the expected shape: {form:text}.",
            "« {title:text} » n'a pas la forme attendue : {form:text}.",
        ),
        messages={
            "scientific": Text(
                "A spreadsheet turned “{title:text}” into scientific notation; its last digits are lost.",
                "Un tableur a converti « {title:text} » en notation scientifique ; ses derniers chiffres sont perdus.",
            )
        },
        explanation=Text(
            "An identifier with a digit too many or too few points to nothing, or to another record.",
            "Un identifiant avec un chiffre de trop ou de moins ne désigne rien, ou désigne un autre dossier.",
        ),
        fix=Text(
            "Copy the number from the original claim. In a spreadsheet, format the column as text "
            "before opening the file.",
            "Recopiez le numéro de la demande d'origine. Dans un tableur, mettez la colonne en "
            "format texte avant d'ouvrir "
            "le fichier.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Identifiers that could not be read."""
        parts = []
        for facts in context.failing(self.code):
            raw = f"{facts.name}_raw"
            params = {
                "title_en": literal(facts.title_en),
                "title_fr": literal(facts.title_fr),
                "form_en": literal(facts.form_en),
                "form_fr": literal(facts.form_fr),
                "case": f"CASE WHEN regexp_full_match({raw}, '[0-9][.,][0-9]+ ?[eE] ?[+][0-9]+') THEN 'scientific' END",
            }
            parts.append(
                f"SELECT {hits(facts.name, value=raw, params=params)} FROM odd_rows "
                f"WHERE {facts.column} IS NULL AND {raw} <> ''"
            )
        return " UNION ALL ".join(parts)
