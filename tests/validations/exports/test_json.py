"""The report for programs keeps to its schema, whatever the file held."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.validations.exports.conftest import HOSTILE, Export
from validations.models import ValidationRun

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/report.schema.json").read_text())


def report(content: bytes) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(content)
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(read)
    return read


def test_the_report_keeps_to_its_schema_and_holds_every_finding(run: ValidationRun, export: Export) -> None:
    read = report(export("report-json", run))
    assert read["run"]["verdict"] == "refused"
    assert read["reading"]["encoding"] == "cp1252"
    assert read["summary"]["rows"] == len(HOSTILE)
    # Programs get the value as it is: nothing runs JSON.
    values = [finding["value"] for finding in read["findings"] if finding["code"] == "patient-id"]
    assert values == list(HOSTILE)


def test_a_report_without_findings_is_whole_too(run: ValidationRun, export: Export) -> None:
    assert report(export("report-json", run, code="nothing-like-it"))["findings"] == []


def test_messages_are_in_the_language_asked_for(run: ValidationRun, export: Export) -> None:
    english = report(export("report-json", run))["findings"]
    french = report(export("report-json", run, "fr"))["findings"]
    assert [one["code"] for one in english] == [one["code"] for one in french]
    assert all(one["title"] != other["title"] for one, other in zip(english, french, strict=True))
