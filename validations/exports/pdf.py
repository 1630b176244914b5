"""The report on a run as PDF: one page to read, the rules with examples behind it, to be stapled to the file.

Typst sets it from `report/report.typ`; what it says is handed over as data, never as markup.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from django.utils.translation import gettext_lazy

from jobs.errors import PermanentError
from validations.exports import Format, Source, formats
from validations.exports.run_report import report_of
from validations.exports.workbook import PIECE_BYTES
from validations.models import ValidationRun

FOLDER = Path(__file__).parent / "report"


class ReportPdf(Format):
    """The report on paper."""

    name = "report-pdf"
    title = gettext_lazy("Report as PDF")
    hint = gettext_lazy(
        "Verdict, amounts, charts, and each rule with examples and what to do: to print or file"
    )
    extension = "pdf"
    suffix = gettext_lazy("report")
    content_type = "application/pdf"
    position = 20
    by_worker = True

    def weight(self, run: ValidationRun) -> int:
        """Its length follows the number of rules, not of findings."""
        return len(run.summary.get("by_code", []))

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The document, set as a whole: it has some pages."""
        document = set_report(source)
        for start in range(0, len(document), PIECE_BYTES):
            yield document[start : start + PIECE_BYTES]


def set_report(source: Source, form: Literal["pdf", "png", "html"] = "pdf") -> bytes:
    """The report in that form, of pictures the first page.

    Raises: PermanentError, without a word of what was in the report.
    """
    # Here and not above: it is large, and only a worker ever needs it.
    import typst  # noqa: PLC0415

    data = json.dumps(report_of(source), ensure_ascii=False)
    try:
        made: bytes | list[bytes] = typst.compile(
            str(FOLDER / "report.typ"),
            root=str(FOLDER),
            font_paths=[str(FOLDER)],
            ignore_system_fonts=True,
            format=form,
            sys_inputs={"data": data},
        )
    except typst.TypstError:
        raise PermanentError("report-not-set") from None
    return made if isinstance(made, bytes) else made[0]


formats.register(ReportPdf.name, ReportPdf())
