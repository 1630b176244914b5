"""What is no table is refused by name."""

import io
import zipfile
from pathlib import Path

import pytest

from tests.support.reading import cells, parse
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Options
from validations.engine.reading import read


def archive(*names: str) -> bytes:
    """A ZIP archive with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return buffer.getvalue()


PROSE = (
    "Bonjour madame, nous avons bien reçu votre demande du mois dernier et nous y répondons.\n"
    "Veuillez noter, comme convenu avec votre médecin, que la facture sera corrigée sous peu.\n"
    "Si vous avez des questions, n'hésitez pas à nous écrire; nous restons à votre disposition.\n"
)

NO_TABLES = {
    "a PDF file": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\n",
    "a ZIP archive": archive("a.csv"),
    "a program": b"\x7fELF\x02\x01\x01" + b"\0" * 60,
    "a PNG image": b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
    "an HTML page": b"\n<!DOCTYPE html>\n<html><body><table><tr><td>1;2</td></tr></table></body></html>",
    "an XML document": b'<?xml version="1.0"?>\n<claims><claim id="1">1;2</claim></claims>\n',
    "a JSON document": b'[{"invoice": 1, "amount": "1,50"},\n {"invoice": 2, "amount": "2,50"}]\n',
    "an RTF document": b"{\\rtf1\\ansi Bonjour; a, b}\n",
    "a gzip archive": b"\x1f\x8b\x08\0" + b"\0" * 30,
    "a binary file": bytes(range(1, 32)) * 40,
    "running text": PROSE.encode(),
}


@pytest.mark.parametrize("what", NO_TABLES)
def test_a05_what_is_no_table_is_refused_by_its_name(tmp_path: Path, what: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse(tmp_path, NO_TABLES[what])

    assert caught.value.code == "not-a-table"
    assert what in caught.value.sentence("en")
    assert caught.value.sentence("fr").startswith("Il s’agit d’un")


def test_a05_a_workbook_named_as_a_text_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse(tmp_path, archive("[Content_Types].xml", "xl/workbook.xml"))

    assert caught.value.code == "workbook-renamed"
    assert "an Excel workbook" in caught.value.sentence("en")
    assert caught.value.sentence("fr").startswith("Il s’agit d’un classeur Excel")


@pytest.mark.parametrize(
    "data", [b"", b"\xef\xbb\xbf", b"\n\r\n\n", b"\xff\xfe", b"   \n\t\n", b"\0\0\0\0", b"sep=;\r\n"]
)
def test_a01_a_file_of_nothing_is_called_empty(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse(tmp_path, data)

    assert caught.value.code == "empty-file"


@pytest.mark.parametrize(
    "data",
    [
        b"nom\nRoy\nGagne\nTremblay\n",
        b"[1],x\n[2],y\n",
        b"<5 ans>,3\n<10 ans>,4\n",
        b'{note},"b"\n1,2\n',
    ],
)
def test_a_table_that_begins_like_something_else_is_still_a_table(tmp_path: Path, data: bytes) -> None:
    assert cells(parse(tmp_path, data))


def test_a_refusal_holds_no_content_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        parse(tmp_path, b'{"patient": "MARQ85010112"}')

    assert "MARQ" not in str(caught.value)
    assert "MARQ" not in repr(caught.value.params)


def test_a_missing_file_is_told_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        read(tmp_path / "gone.csv", Options(), tmp_path)

    assert caught.value.code == "source-error"
    assert str(tmp_path) not in str(caught.value)
