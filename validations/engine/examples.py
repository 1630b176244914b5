"""One example for each code: what stands in the file, and what should stand there.

Values are made up. Where nothing has to be changed, the second text says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from validations.engine.texts import Text


@dataclass(frozen=True, slots=True)
class Example:
    """A wrong piece of a file and the right one."""

    wrong: Text
    right: Text


def _same(wrong: str, right: str) -> Example:
    """Values that read alike in every language."""
    return Example(Text(wrong, wrong), Text(right, right))


def _said(wrong: tuple[str, str], right: tuple[str, str]) -> Example:
    return Example(Text(*wrong), Text(*right))


_NOTHING = ("nothing to do", "rien à faire")

EXAMPLES: Mapping[str, Example] = {
    "already-billed": _said(
        (
            "record 12345678901, code 15804, sent in March and again in April",
            "dossier 12345678901, code 15804, envoyé en mars et de nouveau en avril",
        ),
        ("the line is removed from the April file", "la ligne est retirée du fichier d'avril"),
    ),
    "annual": _said(
        (
            "15815 on 2026-02-03 and on 2026-09-14 for one patient",
            "15815 le 2026-02-03 et le 2026-09-14 pour un patient",
        ),
        ("15815 on 2026-02-03 only", "15815 le 2026-02-03 seulement"),
    ),
    "blank-header": _same("Facture;;Code", "Facture;ID RAMQ;Code"),
    "blank-row": _said((";;;;", ";;;;"), ("the row is deleted", "la ligne est supprimée")),
    "code-known": _same("15840", "15804"),
    "constraint-error": _same("501", "50137"),
    "context-known": _same("G160,STARX", "G160,AR"),
    "daily-fee-eligible": _said(
        ("19929 on a day with 9 registered patients", "19929 un jour avec 9 patients inscrits"),
        ("19928, which 6 patients allow", "19928, que 6 patients permettent"),
    ),
    "daily-fee-maximum": _said(
        ("19928 (32,40 $) and 19929 (64,80 $) on one day", "19928 (32,40 $) et 19929 (64,80 $) le même jour"),
        ("19929 (64,80 $) alone", "19929 (64,80 $) seul"),
    ),
    "date-ambiguous": _same("03/02/2026", "2026-02-03"),
    "date-format": _same("2026-02-30", "2026-02-28"),
    "date-window": _same("2062-03-02", "2026-03-02"),
    "duplicate-label": _same("Montant;Montant", "Montant;Montant payé"),
    "duplicate-line": _said(
        (
            "the same record, code and start on lines 12 and 40",
            "les mêmes dossier, code et début aux lignes 12 et 40",
        ),
        ("line 40 is deleted", "la ligne 40 est supprimée"),
    ),
    "duplicate-row": _said(
        ("line 40 equals line 12 in every cell", "la ligne 40 est identique à la ligne 12"),
        ("line 40 is deleted", "la ligne 40 est supprimée"),
    ),
    "encoding-error": _same("Gagn�", "Gagné"),
    "extra-cell": _same("123456789;22;75;Roy", "123456789;22,75;Roy"),
    "extra-label": _said(("a column “Note”", "une colonne « Note »"), _NOTHING),
    "field-error": _said(
        ("a profile with a pattern that cannot be checked", "un profil avec un motif non vérifiable"),
        ("the profile is corrected", "le profil est corrigé"),
    ),
    "footer-skipped": _said(
        ("“Exported on 2026-03-02” below the table", "« Exporté le 2026-03-02 » sous le tableau"), _NOTHING
    ),
    "foreign-key": _said(
        ("place 59998, which the other column does not have", "lieu 59998, absent de l'autre colonne"),
        ("place 50137", "lieu 50137"),
    ),
    "header-joined": _said(
        ("“Date” above “of service”", "« Date » au-dessus de « du service »"),
        ("Date of service", "Date du service"),
    ),
    "header-missing": _same("123456789;12345678901;…", "Facture;ID RAMQ;…"),
    "header-repeated": _said(
        ("Facture;ID RAMQ;… again on line 501", "Facture;ID RAMQ;… de nouveau à la ligne 501"),
        ("line 501 is deleted", "la ligne 501 est supprimée"),
    ),
    "id-format": _same("1,56E+10", "15600000042"),
    "incorrect-label": _same("Factrue", "Facture"),
    "intervention-maximum": _said(
        ("8857 six times and 1 unit of 8859: 181 minutes", "8857 six fois et 1 unité de 8859 : 181 minutes"),
        ("8857 six times: 180 minutes", "8857 six fois : 180 minutes"),
    ),
    "invoice-coherent": _said(
        ("invoice 555555555 with two patients", "facture 555555555 avec deux patients"),
        ("one invoice for each patient", "une facture par patient"),
    ),
    "lines-quoted": _same('"12;2026-03-04;27,25"', "12;2026-03-04;27,25"),
    "merged-cells": _said(
        ("one cell that covers three rows", "une cellule qui couvre trois lignes"),
        ("the value in each of the three rows", "la valeur dans chacune des trois lignes"),
    ),
    "missed": _said(
        ("a visit of 35 minutes billed as 15804", "une visite de 35 minutes facturée 15804"),
        ("8857, if it was an intervention", "8857, si c'était une intervention"),
    ),
    "missing-cell": _same("123456789;22,75", "123456789;12345678901;22,75"),
    "missing-label": _same("Facture;Code", "Facture;ID RAMQ;Code"),
    "mixed-line-ends": _said(
        ("two exports joined into one file", "deux exportations réunies en un fichier"),
        ("the file saved again by one program", "le fichier réenregistré par un seul programme"),
    ),
    "mojibake": _same("GagnÃ©", "Gagné"),
    "money-format": _same("1022.75", "1022,75"),
    "money-range": _same("2275000,00", "22,75"),
    "null-byte": _said(("an invisible byte after “Roy”", "un octet invisible après « Roy »"), ("Roy", "Roy")),
    "overlap": _said(
        ("09:00–09:30 and 09:15–09:40 with two patients", "09:00–09:30 et 09:15–09:40 avec deux patients"),
        ("09:00–09:30 and 09:30–09:55", "09:00–09:30 et 09:30–09:55"),
    ),
    "paid": _said(("billed 22,75, paid 227,50", "facturé 22,75, payé 227,50"), ("paid 22,75", "payé 22,75")),
    "pair": _said(
        ("20123 and 20245 for one patient and day", "20123 et 20245 pour un patient le même jour"),
        (
            "one of the two, or the context that allows both",
            "l'un des deux, ou le contexte qui permet les deux",
        ),
    ),
    "patient-id": _same("TREM85130112", "TREM85010112"),
    "period": _said(("202611 for 2026-03-02", "202611 pour le 2026-03-02"), ("202610", "202610")),
    "place-known": _same("50173", "50137"),
    "preamble-skipped": _said(
        ("“Report of March” above the header", "« Rapport de mars » au-dessus de l'en-tête"), _NOTHING
    ),
    "primary-key": _said(
        ("claim 7, line 1 twice", "demande 7, ligne 1 deux fois"),
        ("claim 7, lines 1 and 2", "demande 7, lignes 1 et 2"),
    ),
    "required": _said(("Patient: (empty)", "Patient : (vide)"), ("TREM85010112", "TREM85010112")),
    "row-constraint": _said(
        ("a first day after the last day", "un premier jour après le dernier"),
        ("a first day before the last day", "un premier jour avant le dernier"),
    ),
    "row-delimiter": _same("123456789,15804,22.75", "123456789;15804;22,75"),
    "rule-failed": _said(
        ("“Annual act” could not be run", "« Acte annuel » n'a pas pu être exécutée"),
        ("support corrects the rule", "le soutien corrige la règle"),
    ),
    "second-table": _said(
        ("a table of totals below the lines", "un tableau de totaux sous les lignes"),
        ("a file with the lines only", "un fichier avec les lignes seulement"),
    ),
    "sep-line": _said(
        ("sep=;", "sep=;"),
        ("the file begins with its column names", "le fichier commence par les noms de ses colonnes"),
    ),
    "sequence": _same("1, 2, 5", "1, 2, 3"),
    "sheets-not-read": _said(
        (
            "a workbook with the sheets “March” and “April”",
            "un classeur avec les feuilles « mars » et « avril »",
        ),
        ("each sheet sent by itself", "chaque feuille envoyée à part"),
    ),
    "stray-bom": _said(
        ("an invisible mark inside the file", "une marque invisible dans le fichier"), _NOTHING
    ),
    "stray-quote": _same('"Roy "Jean""', '"Roy ""Jean"""'),
    "text-formula": _same('="0123"', "0123"),
    "time-format": _same("9h75", "09:45"),
    "time-order": _same("14:30 – 13:45", "13:30 – 13:45"),
    "total-row": _same("Grand Total;;;45,50", "Grand Total;;;45,50"),
    "totals": _said(("Grand Total 45,51 for 45,50", "Grand Total 45,51 pour 45,50"), ("45,50", "45,50")),
    "type-error": _same("trois", "3"),
    "unclosed-quote": _same('"Roy Jean;15804', '"Roy Jean";15804'),
    "unique-error": _said(
        ("record 12345678901 on lines 2 and 9", "dossier 12345678901 aux lignes 2 et 9"),
        ("record 12345678902 on line 9", "dossier 12345678902 à la ligne 9"),
    ),
    "units-maximum": _said(
        ("15838: 3 units in one day", "15838 : 3 unités le même jour"), ("2 units", "2 unités")
    ),
    "value-normalized": _same(" 8:05 ", "08:05"),
}
