"""Lines that an earlier file of the organization billed already."""

from validations.engine.rules import ERROR, Context, LookBack, Parameter, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class AlreadyBilled(Rule):
    """No row has the record, code, date, start, patient and provider of a record in an earlier run of the organization.

    Earlier is a run that was sent before this one and is completed; the run that this one repeats is none. A run whose
    file was refused counts only where `refused_too` is 1: such a file is corrected and sent again, and its records were
    never billed. The message names the oldest run that holds the record, once a row.
    """

    needs = ("record_id", "code", "service_date", "start_time", "patient", "provider")
    back_needs = ("record_id", "code", "service_date", "patient", "provider")
    parameters = (
        Parameter(
            "refused_too",
            0,
            "count",
            Text("Count files with errors too (0 or 1)", "Compter aussi les fichiers avec erreurs (0 ou 1)"),
        ),
    )
    texts = CodeTexts(
        code="already-billed",
        severity=ERROR,
        title=Text("Line already billed", "Ligne déjà facturée"),
        message=Text(
            "This line was already in “{file:text}”, sent on {day:date} (line {earlier_line:text}).",
            "Cette ligne était déjà dans « {file:text} », envoyé le {day:date} (ligne {earlier_line:text}).",
        ),
        explanation=Text(
            "The payer pays a line once. A file without errors that was checked here before holds the same record, "
            "code, date, start, patient and provider.",
            "Le payeur paie une ligne une seule fois. Un fichier sans erreur déjà vérifié ici contient les mêmes "
            "dossier, code, date, début, patient et médecin.",
        ),
        fix=Text(
            "Remove the line. If this file is the corrected version of the earlier one, say so above, or send it with "
            "“Send the corrected file” on the page of that one.",
            "Supprimez la ligne. Si ce fichier est la version corrigée du précédent, dites-le plus haut, ou "
            "envoyez-le par « Envoyer le fichier corrigé » sur la page de celui-là.",
        ),
    )

    def applies(self, context: Context) -> bool:
        """Whether earlier records are at hand and the file has the columns of the key; the start may be missing."""
        return context.has_earlier and all(context.has(name) for name in self.back_needs)

    def looks_back(self, context: Context) -> LookBack:
        """Records of the days that the file is of; kept are those whose record occurs in the file."""
        return LookBack(
            days=f"SELECT min(service_date), max(service_date), NULL::VARCHAR[] FROM {context.rows}",
            keep="record_id IN (SELECT record_id FROM typed WHERE record_id IS NOT NULL)",
            includes_refused=context.params["refused_too"] == 1,
        )

    def sql(self, context: Context) -> str:
        """Each row that an earlier record equals, with the oldest one."""
        params = {
            "file": "first.file",
            "run_id": "first.id",
            "day": "first.day::VARCHAR",
            "earlier_line": "first.line",
        }
        start = " AND e.start_time IS NOT DISTINCT FROM t.start_time" if context.has("start_time") else ""
        counted = "true" if context.params["refused_too"] == 1 else "NOT r.is_refused"
        return (
            f"SELECT {hits('record_id', params=params)} FROM (SELECT t.row, arg_min({{'file': r.file_name, 'id': r.id, "
            "'day': r.day, 'line': e.line}, {'position': r.position, 'line': e.line}) AS first "
            f"FROM {context.rows} t JOIN earlier e ON e.record_id = t.record_id AND e.code = t.code "
            "AND e.service_date = t.service_date AND e.patient_key = t.patient_key "
            f"AND e.provider_key = t.provider_key{start} JOIN earlier_runs r ON r.run = e.run "
            f"WHERE {counted} GROUP BY t.row)"
        )
