"""Lines billed twice in one file."""

from validations.engine.rules import ERROR, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text

_KEY = "record_id, code, service_date, start_time, patient_key, provider_key"


@rule
class DuplicateLine(Rule):
    """No two rows share record, code, date, start, patient and provider; second and later ones name the first."""

    needs = ("record_id", "code", "service_date", "start_time", "patient", "provider")
    texts = CodeTexts(
        code="duplicate-line",
        severity=ERROR,
        title=Text("Same line twice", "Même ligne deux fois"),
        message=Text(
            "This line repeats line {other_line:text}: same record, code, date, start, patient and provider.",
            "Cette ligne répète la ligne {other_line:text} : mêmes dossier, code, date, début, patient et médecin.",
        ),
        explanation=Text(
            "The payer pays a line once and refuses the second one.",
            "Le payeur paie une ligne une seule fois et refuse la seconde.",
        ),
        fix=Text("Remove the second line.", "Supprimez la seconde ligne."),
    )

    def applies(self, context: Context) -> bool:
        """Whether the file has the columns that make the key; the start may be missing."""
        return all(context.has(name) for name in self.needs if name != "start_time")

    def sql(self, context: Context) -> str:
        """Second and later rows of each key; equal hashes first, so that few rows are sorted."""
        key = f"{context.each_file}{_KEY}"
        return (
            "WITH repeated AS (SELECT h FROM (SELECT hash("
            f"{key}) AS h FROM {context.rows}) GROUP BY h HAVING count(*) > 1) "
            f"SELECT {hits('record_id', other_row='first_row')} FROM (SELECT row, min(row) OVER (PARTITION BY {key}) "
            f"AS first_row FROM {context.rows} WHERE hash({key}) IN (SELECT h FROM repeated)) WHERE row > first_row"
        )
