"""Profiles: what is accepted and what is refused, with the place named."""

import copy
from typing import Any

import pytest

from tests.support.judging import JudgeRows
from validations.engine.profile import Profile, ProfileError, load_profile, shipped_profiles

SMALL: dict[str, Any] = {
    "name": "small",
    "fields": [{"name": "code", "constraints": {"pattern": "[0-9]{4}"}}],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The small descriptor with one thing changed; `fields.0.type` is a path."""
    descriptor = copy.deepcopy(SMALL)
    *parents, last = path.split(".")
    target: Any = descriptor
    for parent in parents:
        target = target[int(parent)] if parent.isdigit() else target.setdefault(parent, {})
    target[last] = value
    return descriptor


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_shipped_profile_is_right(name: str) -> None:
    assert load_profile(name).name == name


def test_the_quebec_profile_knows_the_canonical_fields() -> None:
    fields = load_profile("quebec-medical").by_name()
    assert {
        "invoice_number",
        "record_id",
        "service_date",
        "amount",
        "amount_paid",
        "provider",
        "patient",
    } <= set(fields)
    assert fields["amount"].column == "amount_cents"


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("name", "Not A Slug", "name"),
        ("fields", [], "fields"),
        ("fields.0.name", "row", "fields[0].name"),
        ("fields.0.name", "x; DROP TABLE typed", "fields[0].name"),
        ("fields.0.type", "geometry", "fields[0].type"),
        ("fields.0.colour", "red", "fields[0].colour"),
        ("fields.0.aliases", "one", "fields[0].aliases"),
        ("fields.0.constraints.required", "yes", "fields[0].constraints.required"),
        ("fields.0.constraints.minLength", -1, "fields[0].constraints.minLength"),
        ("fields.0.errorCode", "no-such-rule", "fields[0].errorCode"),
        ("primaryKey", ["nothing"], "primaryKey[0]"),
        ("tables", {"codes": "../../etc/passwd"}, "tables.codes"),
        ("rules", {"no-such-rule": "error"}, "rules.no-such-rule"),
        ("rules", {"money-range": "fatal"}, "rules.money-range.severity"),
        ("rules", {"money-range": {"maximum": 1}}, "rules.money-range.maximum"),
        ("rules", {"money-range": {"maximum_cents": "1"}}, "rules.money-range.maximum_cents"),
        (
            "rules",
            {"money-range": {"maximum_cents": [{"value": 1, "from": "soon"}]}},
            "rules.money-range.maximum_cents[0].from",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_place(path: str, value: object, place: str) -> None:
    with pytest.raises(ProfileError) as caught:
        Profile.from_descriptor(changed(path, value))
    assert caught.value.path == place
    assert caught.value.problem.fr


def test_b10_a_pattern_whose_time_is_not_bounded_is_refused() -> None:
    with pytest.raises(ProfileError) as caught:
        Profile.from_descriptor(changed("fields.0.constraints.pattern", r"(a)\1"))
    assert caught.value.path == "fields[0].constraints.pattern"


def test_a_rule_may_be_given_by_its_severity_alone() -> None:
    profile = Profile.from_descriptor(
        SMALL | {"rules": {"blank-row": "off", "code-known": {"severity": "warning"}}}
    )
    assert profile.setting("blank-row").severity == "off"
    assert profile.setting("code-known").severity == "warning"
    assert profile.setting("paid").severity is None


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ProfileError):
        load_profile("../settings")


def test_claims_with_timestamps_and_foreign_headers_have_no_false_finding(judge_rows: JudgeRows) -> None:
    rows = [
        {"Id": f"claim-{number}", "PATIENTID": "p1", "PROVIDERID": "d1", "DIAGNOSIS1": "195662009",
         "SERVICEDATE": "2023-01-27T16:17:47Z", "STATUS1": "CLOSED"}
        for number in range(3)
    ]  # fmt: skip
    judged = judge_rows(rows, profile=load_profile("professional-claims"))
    assert judged.findings == []
    assert [str(record["service_date"]) for record in judged.records] == ["2023-01-27"] * 3


def test_invoice_lines_read_english_amounts(judge_rows: JudgeRows) -> None:
    rows = [
        {"Invoice": "A1", "Date": "2026-01-05", "Customer": "Érable", "Tax": "$0.10", "Total": "2,001.10"},
        {"Invoice": "A2", "Date": "2026-01-06", "Customer": "Érable", "Tax": "0.10", "Total": "12.5"},
    ]
    judged = judge_rows(rows, profile=load_profile("invoice-lines"))
    assert judged.records[0]["amount_cents"] == 200110
    assert [(f["code"], f["row"], f["field"]) for f in judged.findings] == [("type-error", 2, "amount")]
