"""What the documents say is what the code does."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import get_commands

from config.api import api
from config.version import VERSION
from jobs import metrics
from jobs.alerts import RULES
from jobs.models import AlertKind, MinuteStat
from jobs.moments import database_now

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


OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.django_db
def test_the_table_of_metrics_is_that_of_the_code() -> None:
    minute = database_now().replace(second=0, microsecond=0)
    MinuteStat.objects.create(minute=minute, queue="emails", task="t", enqueued=1)
    shown = re.findall(r"^# TYPE (\w+)", metrics.exposition().decode(), flags=re.MULTILINE)
    assert set(re.findall(r"^\| .*?(bordereau_\w+)`.*$", OPERATIONS, flags=re.MULTILINE)) <= set(shown)
    assert [name for name in shown if f"`{name}`" not in OPERATIONS] == []


def test_the_table_of_alerts_is_that_of_the_code() -> None:
    table = OPERATIONS.split("## Alerts")[1].split("## Doctor")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == set(AlertKind.values)
    for rule in RULES:
        row = next(line for line in table.splitlines() if line.startswith(f"| `{rule.kind}` |"))
        said = [cell.strip() for cell in row.split("|")[3:5]]
        assert said == [_length(rule.raise_after), _length(rule.resolve_after)], rule.kind


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if not seconds:
        return "at once"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def test_every_start_up_check_is_in_the_table() -> None:
    sources = [(ROOT / app / "checks.py").read_text() for app in ("config", "jobs")]
    ids = {found for source in sources for found in re.findall(r'"((?:bordereau|jobs)\.[EW]\d{3})"', source)}
    assert [name for name in sorted(ids) if f"`{name}`" not in OPERATIONS] == []


def test_every_operation_of_the_api_is_in_its_document() -> None:
    document = (ROOT / "docs" / "api.md").read_text()
    operations = [
        f"{method.upper()} {path}"
        for path, item in api.get_openapi_schema()["paths"].items()
        for method in item
    ]
    assert [it for it in operations if f"`{it}" not in document] == []
