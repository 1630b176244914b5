"""Formats make themselves known, and say enough to be chosen."""

import os
import subprocess
import sys

from validations.exports import formats, in_order


def test_every_file_of_the_package_is_a_format_or_shared_by_formats() -> None:
    assert formats.broken == {}
    assert [entry.name for entry in in_order()] == [
        "corrected-csv", "annotated-xlsx", "report-pdf", "findings-xlsx", "findings-csv", "annotated-csv",
        "cleaned-csv", "report-json",
    ]  # fmt: skip


def test_every_format_has_a_place_of_its_own_in_the_menu() -> None:
    assert len({entry.position for entry in formats.values()}) == len(formats)
    assert all(str(entry.title) and str(entry.hint) and str(entry.suffix) for entry in formats.values())


def test_what_is_large_is_imported_when_a_file_is_made_and_not_before() -> None:
    code = (
        "import sys, django; django.setup(); sys.exit('xlsxwriter' in sys.modules or 'typst' in sys.modules)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
