"""Workbooks made of rows, as spreadsheet programs write them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter


def xlsx(
    *sheets: Sequence[Sequence[Any]], merged: Sequence[str] = (), start: tuple[int, int] = (0, 0)
) -> bytes:
    """An Excel workbook with these sheets, the cells typed by their Python types, the table from a cell on.

    Shape: `merged` are ranges such as `A2:A4` of the first sheet, whose value is that of their first cell.
    """
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    formats = {
        datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        date: book.add_format({"num_format": "yyyy-mm-dd"}),
        time: book.add_format({"num_format": "hh:mm"}),
    }
    for rows in sheets:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows, start=start[0]):
            for column, cell in enumerate(row, start=start[1]):
                if cell is None:
                    continue
                if isinstance(cell, str):
                    sheet.write_string(number, column, cell)
                else:
                    sheet.write(number, column, cell, formats.get(type(cell)))
        if sheet is book.worksheets()[0]:
            for area in merged:
                value = rows[int(area.split(":")[0][1:]) - 1][ord(area[0]) - 65]
                sheet.merge_range(area, value)
    book.close()
    return buffer.getvalue()


ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"


def ods(rows: Sequence[Sequence[Any]], *, tail: str = "", manifest: str = "") -> bytes:
    """An OpenDocument spreadsheet of one sheet; `tail` stands behind the last row."""
    lines = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="Feuille1">{lines}{tail}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    return packed(
        {
            "mimetype": ODS_TYPE,
            "content.xml": content,
            "META-INF/manifest.xml": manifest or "<manifest:manifest/>",
        }
    )


def _ods_cell(cell: Any) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, bool):
        return f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(cell).lower()}"/>'
    if isinstance(cell, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
    if isinstance(cell, date):
        return f'<table:table-cell office:value-type="date" office:date-value="{cell.isoformat()}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(str(cell))}</text:p></table:table-cell>'


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def repacked(data: bytes, changes: Mapping[str, str | bytes]) -> bytes:
    """A workbook with some of its parts replaced or added."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    return packed({**parts, **changes})
