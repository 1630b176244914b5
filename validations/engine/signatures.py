"""What a file is when it is no table: recognized by its first bytes, said in one plain noun phrase."""

import json
import re
from dataclasses import dataclass

from validations.engine.errors import UnreadableFileError

SNIFFED_BYTES = 64 * 1024  # the markers of all formats below stand in the first kilobytes
BINARY_SHARE = 0.02  # control characters among the first bytes; text has none, a NUL-damaged CSV few


@dataclass(frozen=True, slots=True)
class Kind:
    """A format by name, in both languages, with its article."""

    en: str
    fr: str

    def refusal(self) -> UnreadableFileError:
        """The error that says what was sent."""
        return UnreadableFileError("not-a-table", what_en=self.en, what_fr=self.fr)


HTML = Kind("an HTML page", "une page HTML")
XML = Kind("an XML document", "un document XML")
JSON = Kind("a JSON document", "un document JSON")
PROSE = Kind("running text", "un texte suivi")
BINARY = Kind("a binary file", "un fichier binaire")
XLSX = Kind("an Excel workbook", "un classeur Excel")
ODS = Kind("an OpenDocument file", "un document OpenDocument")
WORD = Kind("a Word document", "un document Word")
ZIP = Kind("a ZIP archive", "une archive ZIP")

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files; also encrypted new ones

MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"%PDF", Kind("a PDF file", "un fichier PDF")),
    (
        COMPOUND,
        Kind("an old Excel or Word file", "un ancien fichier Excel ou Word"),
    ),
    (b"\x7fELF", Kind("a program", "un programme")),
    (b"\x89PNG\r\n\x1a\n", Kind("a PNG image", "une image PNG")),
    (b"GIF87a", Kind("a GIF image", "une image GIF")),
    (b"GIF89a", Kind("a GIF image", "une image GIF")),
    (b"\xff\xd8\xff", Kind("a JPEG image", "une image JPEG")),
    (b"II*\x00", Kind("a TIFF image", "une image TIFF")),
    (b"MM\x00*", Kind("a TIFF image", "une image TIFF")),
    (b"\x1f\x8b", Kind("a gzip archive", "une archive gzip")),
    (b"BZh91AY&SY", Kind("a bzip2 archive", "une archive bzip2")),
    (b"\xfd7zXZ\x00", Kind("an xz archive", "une archive xz")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", "une archive 7-Zip")),
    (b"Rar!\x1a\x07", Kind("a RAR archive", "une archive RAR")),
    (b"SQLite format 3\x00", Kind("a SQLite database", "une base de données SQLite")),
    (b"PAR1", Kind("a Parquet file", "un fichier Parquet")),
    (b"{\\rtf", Kind("an RTF document", "un document RTF")),
    (b"%!PS", Kind("a PostScript file", "un fichier PostScript")),
)

HTML_START = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|table|div|script|meta|title)\b",
    re.IGNORECASE | re.DOTALL,
)
XML_START = re.compile(r"\s*(?:<\?xml\b|<!DOCTYPE\b|<([A-Za-z][\w.:-]*)(?:\s[^<>]*)?/?>)", re.DOTALL)
JSON_START = re.compile(
    r'\s*(?:\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})|\[\s*(?:[\[{"\d\]]|-\d|true|false|null))', re.DOTALL
)


def refuse_binary(head: bytes) -> None:
    """Nothing, when the first bytes may be text in some encoding.

    Raises: UnreadableFileError not-a-table for a known binary format.
    """
    for magic, kind in MAGIC:
        if head.startswith(magic):
            raise kind.refusal()
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise zip_kind(head).refusal()
    if head.startswith(b"MZ") and b"\x00" in head[:256]:
        raise Kind("a program", "un programme").refusal()


def zip_kind(head: bytes) -> Kind:
    """What a ZIP archive holds, as far as its first bytes tell."""
    if b"mimetypeapplication/vnd.oasis" in head[:200]:
        return ODS
    if b"word/" in head:
        return WORD
    return XLSX if b"xl/" in head or b"[Content_Types].xml" in head else ZIP


def refuse_markup(text: str) -> None:
    """Nothing, when the decoded beginning may be a table.

    Raises: UnreadableFileError not-a-table for HTML, XML, JSON and binary content.
    """
    text = text[:SNIFFED_BYTES]
    if HTML_START.match(text):
        raise HTML.refusal()
    if XML_START.match(text):
        raise (HTML if re.search(r"<(?:html|body)\b", text[:4096], re.IGNORECASE) else XML).refusal()
    if JSON_START.match(text) and _is_json(text):
        raise JSON.refusal()
    controls = sum(text.count(chr(code)) for code in range(1, 32) if code not in (9, 10, 12, 13, 26))
    if controls > max(4, len(text) * BINARY_SHARE) or text.count("\0") > len(text) * 0.2 + 16:
        raise BINARY.refusal()


def _is_json(text: str) -> bool:
    """True when the text is JSON, or begins as a JSON document too long for the sample, or is JSON lines."""
    text = text.lstrip()
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except RecursionError:
        return True
    except ValueError as error:
        position = getattr(error, "pos", 0)
        return bool(position >= len(text) - 16)
    tail = text[end:].lstrip(" \t")
    return not tail or tail.startswith(("\n", "\r"))
