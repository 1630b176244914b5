"""What the documents say is what the code does."""

import re
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands

from config.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
# In the folder of another checkout's helper files nothing is a document of ours.
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_SETTING_READ = re.compile(r"""\benv\.\w+\(\s*"([A-Z_]+)\"""")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _settings_read() -> set[str]:
    return set(_SETTING_READ.findall((ROOT / "config" / "settings.py").read_text()))


def _sampled() -> set[str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line))}


def test_env_example_names_exactly_the_variables_that_the_settings_read() -> None:
    assert _sampled() == _settings_read()


def test_env_example_explains_itself_before_each_group() -> None:
    assert (ROOT / ".env.example").read_text().count("# ---") >= 3


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = _LINK.findall(document.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_command_in_a_document_is_a_target(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), flags=re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_management_command_in_a_document_exists(document: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text()))
    assert named <= set(get_commands())


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


def test_decision_records_stay_under_forty_lines() -> None:
    records = ROOT.glob("docs/decisions/*.md")
    assert [path.name for path in records if len(path.read_text().splitlines()) >= 40] == []


def test_the_version_is_the_first_heading_of_the_changelog() -> None:
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_library_of_the_application_has_its_reason_written_down() -> None:
    lines = (ROOT / "requirements" / "base.in").read_text().splitlines()
    names = {re.split(r"[\[=~<>]", line)[0].strip() for line in lines if line and not line.startswith("#")}
    record = (ROOT / "docs" / "decisions" / "0005-dependencies.md").read_text().lower()
    assert [name for name in sorted(names) if name.lower() not in record] == []


def test_lock_files_name_no_index_and_no_path() -> None:
    for path in ROOT.glob("requirements/*.txt"):
        text = path.read_text()
        assert re.findall(r"https?:|file:|--(?:extra-)?index|--find-links|^/", text, flags=re.MULTILINE) == []
        pinned = re.findall(r"^[a-z][^\s]*==", text, flags=re.MULTILINE)
        assert text.count("--hash=sha256:") >= len(pinned) > 10


def test_the_project_asks_for_the_python_that_it_is_locked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
