"""What is let in and what is refused before anything is stored."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories import upload
from tests.support.workbooks import ods, packed, xlsx
from validations.intake import DISPLAY_NAME_LENGTH, UploadRefusedError, check_upload, display_name


def refusal_of(content: bytes, name: str) -> UploadRefusedError:
    with pytest.raises(UploadRefusedError) as caught:
        check_upload(upload(content, name))
    return caught.value


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\n", b"\xff\xfe", b"  \t\r\n"])
def test_a01_an_empty_file_is_refused(content: bytes) -> None:
    assert refusal_of(content, "lines.csv").code == "file-empty"


@pytest.mark.parametrize(
    "name", ["invoice.csv.exe", "invoice.exe", "invoice.csv%00.exe", "invoice", ".csv", "a.pdf"]
)
def test_a04_an_extension_off_the_list_is_refused(name: str) -> None:
    assert refusal_of(b"a;b\r\n1;2\r\n", name).code == "file-extension"


def test_a04_case_and_a_trailing_space_of_the_extension_do_not_matter() -> None:
    assert check_upload(upload(name="invoice.CSV ")) == "invoice.CSV"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        (b"\x7fELF\x02\x01\x01", "program"),
        (b"PK\x03\x04\x14\x00", "zip"),
        (b"\x89PNG\r\n\x1a\n\x00", "image"),
        (b"<!DOCTYPE html><html><body>", "markup"),
        (b"\xef\xbb\xbf  <html>", "markup"),
        (b"\x1f\x8b\x08\x00", "gzip"),
    ],
)
def test_a05_content_of_another_kind_is_refused_by_its_signature(content: bytes, kind: str) -> None:
    refusal = refusal_of(content, "lines.csv")
    assert (refusal.code, refusal.params) == ("file-kind", {"kind": kind})
    assert "CSV" in refusal.message


def test_a05_the_content_type_header_decides_nothing() -> None:
    file = SimpleUploadedFile("lines.csv", b"a;b\r\n1;2\r\n", content_type="application/pdf")
    assert check_upload(file) == "lines.csv"


@pytest.mark.parametrize(
    ("content", "name"),
    [(xlsx([["a"]]), "bill.xlsx"), (xlsx([["a"]]), "bill.XLSX"), (ods([["a"]]), "bill.ods")],
)
def test_a11_a_workbook_is_let_in_by_its_first_bytes(content: bytes, name: str) -> None:
    assert check_upload(upload(content, name)) == name


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (packed({"lines.csv": "a;b"}), "bill.xlsx", "file-kind"),
        (packed({"lines.csv": "a;b"}), "bill.ods", "file-kind"),
        (packed({"bill.xlsx": xlsx([["a"]])}), "bill.xlsx", "file-kind"),
        (ods([["a"]]), "bill.xlsx", "file-kind"),
        (b"PK\x03\x04\x14\x00\x01\x00" + b"\0" * 22 + b"xl/workbook.xml", "bill.xlsx", "workbook-password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "bill.xlsx", "workbook-password"),
        (b"a;b\r\n1;2\r\n", "bill.xlsx", "workbook-missing"),
        (b"%PDF-1.7\n", "bill.ods", "workbook-missing"),
    ],
)
def test_a11_what_is_no_workbook_or_locked_is_refused_before_it_is_stored(
    content: bytes, name: str, code: str
) -> None:
    refusal = refusal_of(content, name)
    assert refusal.code == code
    assert refusal.message


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.csv", "y.csv"),
        ("/abs.csv", "abs.csv"),
        ("-rf.csv", "-rf.csv"),
        ("a\r\nb\x00c.csv", "abc.csv"),
        ("fact\u202evsc.exe.csv", "factvsc.exe.csv"),
        ("e\u0301rable.csv", "érable.csv"),
        ("<script>.csv", "<script>.csv"),
    ],
)
def test_a07_a08_a_file_name_is_shown_without_folders_and_control_characters(sent: str, shown: str) -> None:
    assert display_name(sent) == shown


def test_a08_a_long_file_name_is_shortened_in_the_middle_and_keeps_its_extension() -> None:
    shown = display_name("é" * 5000 + ".csv")
    assert len(shown) <= DISPLAY_NAME_LENGTH
    assert shown.endswith(".csv")
    assert "…" in shown


def test_a02_a_file_over_the_limit_is_refused_with_413(settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 9
    refusal = refusal_of(b"a;b\r\n1;2\r\n", "lines.csv")
    assert (refusal.code, refusal.status) == ("file-too-large", 413)
