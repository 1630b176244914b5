"""The engine from the shell."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.support.workbooks import xlsx

KEYS = [
    "file",
    "readable",
    "error",
    "encoding",
    "delimiter",
    "quotechar",
    "escapechar",
    "header_line",
    "columns",
    "rows",
    "seconds",
    "peak_memory_bytes",
    "findings",
    "items",
]
CLEAN = "no;nom;montant\n1;Côté;12,50\n2;Roy;3,00\n"
BROKEN = "no;nom;montant\n1;Côté;12,50\n\n2;Roy\n3;Zoé;4,00;x\n"


def run(*arguments: Any, **options: Any) -> tuple[int, str]:
    """Exit status and output of the command, structure only unless told otherwise."""
    out = io.StringIO()
    try:
        call_command("check_file", *map(str, arguments), stdout=out, **{"profile": "none", **options})
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def documents(*arguments: Any, **options: Any) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and the documents written."""
    status, text = run(*arguments, format="json", **options)
    return status, [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    path = tmp_path / "clean.csv"
    path.write_text(CLEAN, encoding="cp1252")
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.csv"
    path.write_text(BROKEN, encoding="utf-8")
    return path


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    path = tmp_path / "page.csv"
    path.write_text("<html><body>Session expirée</body></html>", encoding="utf-8")
    return path


def test_a_clean_file_ends_with_status_0(clean: Path) -> None:
    status, (document,) = documents(clean)

    assert status == 0
    assert list(document) == KEYS
    assert document["findings"] == {"total": 0, "by_code": {}}
    assert (document["encoding"], document["delimiter"], document["rows"]) == ("cp1252", ";", 2)
    assert document["columns"] == ["no", "nom", "montant"]


def test_findings_end_with_status_1_and_name_code_line_and_message(broken: Path) -> None:
    status, (document,) = documents(broken)

    assert status == 1
    assert document["findings"]["by_code"] == {"blank-row": 1, "extra-cell": 1, "missing-cell": 1}
    assert [(item["code"], item["line"], item["row"]) for item in document["items"]] == [
        ("blank-row", 3, None),
        ("missing-cell", 4, 2),
        ("extra-cell", 5, 3),
    ]
    assert set(document["items"][0]) == {"code", "severity", "line", "row", "column", "value", "message"}


def test_a_file_that_cannot_be_read_ends_with_status_2_and_says_what_it_is(unreadable: Path) -> None:
    status, (document,) = documents(unreadable)

    assert status == 2
    assert (document["readable"], document["rows"], document["items"]) == (False, 0, [])
    assert "an HTML page" in document["error"]


def test_b03_a_table_with_far_too_many_columns_ends_with_status_2_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(";".join(["1"] * 2000) for _ in range(10)), encoding="utf-8")
    status, (document,) = documents(path, profile="quebec-medical")

    assert (status, document["readable"]) == (2, False)
    assert "too many columns" in document["error"]


def test_the_worst_of_several_files_decides_the_status(clean: Path, broken: Path, unreadable: Path) -> None:
    assert run(clean, clean)[0] == 0
    assert run(clean, broken)[0] == 1
    assert run(broken, unreadable, clean)[0] == 2


def test_a_missing_file_is_not_readable(tmp_path: Path, clean: Path) -> None:
    status, (missing, present) = documents(tmp_path / "gone.csv", clean)

    assert (status, missing["readable"], present["readable"]) == (2, False, True)


def test_the_limit_bounds_the_items_and_not_the_counts(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("a;b;c\n" + "1;2;3\n" * 30 + "1;2\n" * 20, encoding="utf-8")

    assert [len(documents(path, limit=limit)[1][0]["items"]) for limit in (0, 5)] == [20, 5]
    assert documents(path, limit=5)[1][0]["findings"]["total"] == 20


def test_the_cleaned_file_of_one_path_is_a_file(tmp_path: Path, broken: Path) -> None:
    target = tmp_path / "out" / "cleaned.csv"
    target.parent.mkdir()
    run(broken, cleaned=target)

    with target.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["no", "nom", "montant"],
            ["1", "Côté", "12,50"],
            ["2", "Roy", ""],
            ["3", "Zoé", "4,00"],
        ]


def test_the_cleaned_files_of_several_paths_are_in_a_folder(
    tmp_path: Path, clean: Path, broken: Path, unreadable: Path
) -> None:
    run(clean, broken, unreadable, cleaned=tmp_path / "out")

    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["broken.csv_converted.csv", "clean.csv_converted.csv"]


def test_a_folder_is_all_the_files_in_it(tmp_path: Path, clean: Path, broken: Path) -> None:
    status, found = documents(tmp_path)

    assert status == 1
    assert [Path(document["file"]).name for document in found] == ["broken.csv", "clean.csv"]


def test_messages_are_told_in_french_when_asked(broken: Path) -> None:
    _, text = run(broken, language="fr")

    assert "Ligne vide" in text
    assert "La ligne a 2 cellules au lieu de 3\u00a0;" in text


def test_what_is_declared_wins_over_what_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("titre\nx|y\n'1|2'|3\n", encoding="utf-8")
    _, (document,) = documents(path, delimiter="|", quotechar="'", header_line=2, encoding="latin-1")

    assert (document["columns"], document["rows"], document["encoding"]) == (["x", "y"], 1, "latin-1")


def test_the_default_profile_is_the_medical_one(clean: Path) -> None:
    _, (document,) = documents(clean, profile="quebec-medical")

    assert "missing-label" in document["findings"]["by_code"]


def test_an_unknown_profile_is_told(clean: Path) -> None:
    with pytest.raises(CommandError):
        run(clean, profile="unheard-of")


def test_b07_hostile_cells_stay_text_in_the_document(tmp_path: Path) -> None:
    path = tmp_path / "hostile.csv"
    path.write_text("a;b;c\n1;2;3\n4;5;6\n{0.__class__};%s\n<script>;{value}\n", encoding="utf-8")
    _, (document,) = documents(path)

    assert {item["code"] for item in document["items"]} == {"missing-cell"}
    assert "class 'str'" not in json.dumps(document)


def test_two_thousand_small_files_take_one_process(tmp_path: Path) -> None:
    for number in range(2_000):
        (tmp_path / f"{number:04d}.csv").write_text(CLEAN, encoding="utf-8")
    status, found = documents(tmp_path)

    assert (status, len(found)) == (0, 2_000)


def test_b03_a_line_of_200_megabytes_is_refused_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        file.write(b"a;b\n1;2\n")
        for _ in range(200):
            file.write(b"x;" * 500_000)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "manage.py", "check_file", str(path), "--profile", "none", "--format", "json"],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    document = json.loads(done.stdout)

    assert (done.returncode, document["readable"]) == (2, False)
    assert "Line 3" in document["error"]
    assert document["peak_memory_bytes"] < 250_000_000


def test_the_command_needs_no_database_and_no_queue(tmp_path: Path, clean: Path) -> None:
    surroundings = {
        **os.environ,
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "manage.py", "check_file", str(clean), "--profile", "none", "--format", "json"],
        cwd=root, env=surroundings, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 2


def test_a_workbook_is_checked_by_the_sheet_that_holds_the_table_or_by_the_one_named(tmp_path: Path) -> None:
    path = tmp_path / "bill.xlsx"
    path.write_bytes(xlsx([["note"], ["x"]], [["no", "montant"], [1, 12.5], [2, 3]]))

    assert "bill.xlsx: xlsx, sheet 2, 2 × 2" in run(path)[1]
    assert "bill.xlsx: xlsx, sheet 1, 1 × 1" in run(path, sheet=1)[1]
    assert run(path, sheet=7)[0] == 2
