"""What the engine raises.

EngineError                 anything the engine refuses
└── UnreadableFileError     permanent: the file is no table that could be checked
    └── TableTooBigError    the memory limit is too small for the table, most often for its many columns
"""

from collections.abc import Mapping
from dataclasses import dataclass


class EngineError(Exception):
    """The engine could not do what was asked."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence for the reader, in both languages; `{names}` stand for parameters."""

    en: str
    fr: str


UNREADABLE: Mapping[str, Sentence] = {
    "empty-file": Sentence(
        en="The file is empty. Export it again and send the new file.",
        fr="Le fichier est vide. Exportez-le de nouveau et envoyez le nouveau fichier.",
    ),
    "not-a-table": Sentence(
        en="This is {what_en}, not a table. Export the table as CSV or as an Excel workbook and send that file.",
        fr="Il s’agit d’{what_fr}, pas d’un tableau. Exportez le tableau en CSV ou en classeur Excel et envoyez ce "
        "fichier.",
    ),
    "workbook-renamed": Sentence(
        en="This is {what_en}, though its name says that it is a text file. Name it .xlsx or .ods and send it again.",
        fr="Il s’agit d’{what_fr}, alors que son nom annonce un fichier texte. Nommez-le .xlsx ou .ods et "
        "renvoyez-le.",
    ),
    "workbook-password": Sentence(
        en="The workbook is protected by a password. Remove the password, save the workbook and send it again.",
        fr="Le classeur est protégé par un mot de passe. Retirez le mot de passe, enregistrez le classeur et "
        "renvoyez-le.",
    ),
    "workbook-macros": Sentence(
        en="The workbook holds macros, which are never opened here. Save it as a workbook without macros (.xlsx) and "
        "send that file.",
        fr="Le classeur contient des macros, qui ne sont jamais ouvertes ici. Enregistrez-le comme classeur sans "
        "macros (.xlsx) et envoyez ce fichier.",
    ),
    "workbook-broken": Sentence(
        en="The workbook is damaged and cannot be opened. Open it in your spreadsheet program, save it and send it "
        "again.",
        fr="Le classeur est endommagé et ne peut pas être ouvert. Ouvrez-le dans votre tableur, enregistrez-le et "
        "renvoyez-le.",
    ),
    "workbook-limit": Sentence(
        en="The workbook is too large to be opened here ({limit_en}: at most {maximum}). Export its table as CSV and "
        "send that file.",
        fr="Le classeur est trop volumineux pour être ouvert ici ({limit_fr}\u00a0: {maximum} au plus). Exportez son "
        "tableau en CSV et envoyez ce fichier.",
    ),
    "sheet-missing": Sentence(
        en="Sheet {number} was chosen, but the workbook has no such sheet. Choose another one, or let it be detected.",
        fr="La feuille {number} a été choisie, mais le classeur n’en a pas. Choisissez-en une autre ou laissez-la "
        "détecter.",
    ),
    "encoding-error": Sentence(
        en="The text cannot be read as {encoding}: byte {offset} (line {line}) has no meaning there. "
        "Choose another encoding or export the file as UTF-8.",
        fr="Le texte ne peut pas être lu en {encoding}\u00a0: l’octet {offset} (ligne {line}) n’y a pas de sens. "
        "Choisissez un autre encodage ou exportez le fichier en UTF-8.",
    ),
    "unknown-encoding": Sentence(
        en="The encoding that was chosen is not known. Choose one from the list, or let it be detected.",
        fr="L’encodage choisi est inconnu. Choisissez-en un dans la liste ou laissez-le détecter.",
    ),
    "header-missing": Sentence(
        en="Line {line} was given as the header, but the file has no such line. Choose another line.",
        fr="La ligne {line} devait être l’en-tête, mais le fichier n’a pas cette ligne. Choisissez-en une autre.",
    ),
    "limit-exceeded": Sentence(
        en="Line {line} is beyond what a billing file may hold ({limit_en}: at most {maximum}). "
        "Look for a missing line break or quotation mark there.",
        fr="La ligne {line} dépasse ce qu’un fichier de facturation peut contenir "
        "({limit_fr}\u00a0: {maximum} au plus). "
        "Cherchez-y un saut de ligne ou un guillemet manquant.",
    ),
    "too_big": Sentence(
        en="The file has too many columns or too long cells to be checked here. Send only the columns of the bill.",
        fr="Le fichier a trop de colonnes ou des cellules trop longues pour être vérifié ici. "
        "N’envoyez que les colonnes de la facture.",
    ),
    "source-error": Sentence(
        en="The file could not be opened. Send it again.",
        fr="Le fichier n’a pas pu être ouvert. Envoyez-le de nouveau.",
    ),
}


class UnreadableFileError(EngineError):
    """The file cannot be read as a table; `code` says why and `params` hold no cell of it."""

    def __init__(self, code: str, **params: str | int) -> None:
        self.code = code
        self.params = params
        super().__init__(self.sentence("en"))

    def sentence(self, language: str = "en") -> str:
        """What is wrong and what to do, for the person who sent the file."""
        text = UNREADABLE[self.code]
        template = text.fr if language == "fr" else text.en
        return template.format(**self.params)


class TableTooBigError(UnreadableFileError):
    """The table does not fit into the memory that the engine may use."""

    def __init__(self) -> None:
        super().__init__("too_big")


def limit_error(line: int, limit: str, maximum: int) -> UnreadableFileError:
    """The error for a line beyond a limit."""
    names = {
        "line": ("characters in a line", "caractères dans une ligne"),
        "columns": ("columns", "colonnes"),
        "cell": ("characters in a cell", "caractères dans une cellule"),
    }
    english, french = names[limit]
    return UnreadableFileError(
        "limit-exceeded", line=line, limit_en=english, limit_fr=french, maximum=maximum
    )


def workbook_limit_error(limit: str, maximum: int) -> UnreadableFileError:
    """The error for a workbook beyond a limit."""
    english, french = {
        "parts": ("parts", "parties"),
        "ratio": ("times its packed size", "fois sa taille compressée"),
        "bytes": ("megabytes unpacked", "mégaoctets décompressés"),
        "sheets": ("sheets", "feuilles"),
        "cells": ("cells", "cellules"),
    }[limit]
    return UnreadableFileError("workbook-limit", limit_en=english, limit_fr=french, maximum=maximum)
