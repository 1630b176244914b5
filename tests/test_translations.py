"""Both languages say everything."""

import shutil
from pathlib import Path

import pytest

from tests import catalogues

_HEADER = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"
"""


def _catalogue(folder: Path, body: str) -> Path:
    path = folder / "locale" / "fr" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(_HEADER + body)
    return path


def test_french_is_complete_and_nothing_in_it_is_doubtful() -> None:
    assert catalogues.catalogues()
    assert [fault for path in catalogues.catalogues() for fault in catalogues.faults(path)] == []


@pytest.mark.skipif(not shutil.which("xgettext"), reason="gettext is not installed")
def test_catalogues_hold_exactly_the_messages_of_the_sources() -> None:
    assert [fault for path in catalogues.catalogues() for fault in catalogues.out_of_step(path)] == []


def test_a_message_without_translation_is_a_fault(tmp_path: Path) -> None:
    path = _catalogue(tmp_path, '\nmsgid "Files"\nmsgstr ""\n')
    assert list(catalogues.faults(path)) == ["not translated: 'Files'"]


def test_a_lost_placeholder_is_a_fault(tmp_path: Path) -> None:
    path = _catalogue(tmp_path, '\n#, python-format\nmsgid "%(count)s files"\nmsgstr "des fichiers"\n')
    assert len(list(catalogues.faults(path))) == 1


def test_an_ordinary_space_before_a_colon_is_a_fault_in_french(tmp_path: Path) -> None:
    wrong = '\nmsgid "Files:"\nmsgstr "Fichiers :"\n'
    right = '\nmsgid "Rows:"\nmsgstr "Lignes\u00a0:"\n'
    path = _catalogue(tmp_path, wrong + right)
    assert list(catalogues.faults(path)) == ["ordinary space where French has a no-break one: 'Files:'"]
