"""Times that cannot be read."""

from validations.engine.rules import ERROR, Context, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class TimeFormat(Rule):
    """A time is empty or lies from 00:00 to 23:59 (`8:05` and `14h05` are read and reported as another form)."""

    judges_format = True
    texts = CodeTexts(
        code="time-format",
        severity=ERROR,
        title=Text("Time that cannot be read", "Heure illisible"),
        message=Text(
            "“{title:text}” is not a time from 00:00 to 23:59.",
            "« {title:text} » n'est pas une heure entre 00:00 et 23:59.",
        ),
        explanation=Text(
            "Times are written HH:MM on the 24-hour clock, or left empty.",
            "Les heures s'écrivent HH:MM sur 24 heures, ou restent vides.",
        ),
        fix=Text("Correct the time or empty the cell.", "Corrigez l'heure ou videz la cellule."),
    )

    def sql(self, context: Context) -> str:
        """Times that could not be read."""
        parts = []
        for facts in context.failing(self.code):
            params = {"title_en": literal(facts.title_en), "title_fr": literal(facts.title_fr)}
            raw = f"{facts.name}_raw"
            parts.append(
                f"SELECT {hits(facts.name, value=raw, params=params)} FROM odd_rows "
                f"WHERE {facts.column} IS NULL AND {raw} <> ''"
            )
        return " UNION ALL ".join(parts)
