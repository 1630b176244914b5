"""Profiles in the admin: columns as rows, rules as forms, versions, Table Schema, and a proposal from a sample."""

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry as StaffAction
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support import forms
from tests.support.jobs import drain
from tests.support.staff import staff_client
from validations.engine.profile import Profile as EngineProfile
from validations.models import Finding, Profile, ValidationRun
from validations.profilediff import changes
from validations.querysets import profiles_for

VIEW, CHANGE, ADD = (f"validations.{verb}_profile" for verb in ("view", "change", "add"))
PAGES = ("change", "rules", "versions", "compare", "export")
SMALL = {
    "name": "own",
    "missingValues": ["", "NULL"],
    "fields": [
        {"name": "invoice", "title": "Facture", "constraints": {"required": True, "pattern": "[0-9]{9}"}},
        {"name": "day", "type": "date", "title": "Date", "formats": ["%d/%m/%Y"], "description": "kept"},
        {"name": "amount", "type": "number", "title": "Montant", "unit": "cents", "decimalChar": ","},
    ],
    "rules": {"money-range": {"maximum_cents": 10000}},
}


def own(organization: Organization, descriptor: dict[str, Any] | None = None) -> Profile:
    return Profile.objects.create(
        organization=organization,
        name="own",
        title_en="Own",
        title_fr="Le nôtre",
        descriptor=descriptor or SMALL,
    )


def page(profile: Profile, name: str = "change") -> str:
    return reverse(f"admin:validations_profile_{name}", args=[profile.pk])


def fields_of(content: bytes) -> dict[str, str]:
    """What a browser would send of the form that saves."""
    return forms.fields_of(content, "pf-form")


def editor() -> Client:
    return staff_client(VIEW, CHANGE, ADD, "organizations.view_organization")


def newest() -> Profile:
    return Profile.objects.filter(name="own").order_by("-version")[0]


@pytest.mark.parametrize("name", ["quebec-medical", "invoice-lines", "professional-claims"])
def test_a_shipped_profile_copied_without_a_change_stays_what_it_was(
    organization: Organization, name: str
) -> None:
    shipped = Profile.objects.filter(organization=None, name=name).order_by("-version")[0]
    client = editor()
    form = client.get(reverse("admin:validations_profile_add"), {"from": shipped.pk})
    data = fields_of(form.content) | {"head-organization": str(organization.pk)}
    assert client.post(reverse("admin:validations_profile_add"), data).status_code == 302
    copy = Profile.objects.get(organization=organization)
    before, after = (EngineProfile.from_descriptor(one.descriptor) for one in (shipped, copy))
    assert after.fields == before.fields
    assert (after.settings, after.tables, after.missing_values) == (
        before.settings,
        before.tables,
        before.missing_values,
    )
    assert [profile for profile in profiles_for(organization) if profile.name == name] == [copy]


def test_saving_changed_columns_makes_a_new_version_and_keeps_what_the_form_does_not_show(
    organization: Organization,
) -> None:
    profile = own(organization)
    client = editor()
    data = fields_of(client.get(page(profile)).content)
    data |= {
        "column-0-label": "No facture",
        "column-0-aliases": "Invoice\r\nFacture no",
        "column-2-position": "1",
    }
    data |= {"column-3-name": "note", "column-3-label": "Note", "column-3-sensitive": "on"}
    response = client.post(page(profile), data)
    saved = newest()
    assert response.headers["Location"] == page(saved)
    assert (saved.version, profile.descriptor) == (2, SMALL)
    assert [field["name"] for field in saved.descriptor["fields"]] == ["invoice", "amount", "day", "note"]
    invoice, _amount, day, note = saved.descriptor["fields"]
    assert invoice["aliases"] == ["Invoice", "Facture no"]
    assert (note["sensitive"], "sensitive" in invoice) == (True, False)
    assert (day["description"], day["formats"]) == ("kept", ["%d/%m/%Y"])
    assert saved.descriptor["rules"] == SMALL["rules"]
    assert StaffAction.objects.get().object_id == str(saved.pk)


def test_a_column_is_removed_by_its_mark(organization: Organization) -> None:
    profile, client = own(organization), editor()
    data = fields_of(client.get(page(profile)).content) | {"column-1-remove": "on"}
    client.post(page(profile), data)
    assert [field["name"] for field in newest().descriptor["fields"]] == ["invoice", "amount"]


def test_saving_without_a_change_makes_no_version(organization: Organization) -> None:
    profile, client = own(organization), editor()
    client.post(page(profile), fields_of(client.get(page(profile)).content))
    client.post(page(newest()), fields_of(client.get(page(newest())).content))
    assert newest().version <= 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"column-0-pattern": "(a"}, "fields[0].constraints.pattern"),
        ({"column-0-name": "Invoice Number"}, "fields[0].name"),
        ({"column-2-name": "day"}, "fields[2].name"),
        ({"head-primary_key": "nothing"}, "primaryKey[0]"),
    ],
)
def test_what_the_engine_does_not_take_is_told_in_words_with_its_path(
    organization: Organization, change: dict[str, str], path: str
) -> None:
    profile, client = own(organization), editor()
    response = client.post(page(profile), fields_of(client.get(page(profile)).content) | change)
    assert response.status_code == 400
    assert f"{path}:" in response.content.decode()
    assert "1 field has a problem." in response.content.decode()
    assert newest().version == 1


def test_numbers_of_a_rule_are_set_with_dates_and_source(organization: Organization) -> None:
    profile, client = own(organization), editor()
    data = fields_of(client.get(page(profile, "rules")).content)
    assert data["money-range-maximum_cents_0_value"] == "100.00"
    data |= {"money-range-maximum_cents_0_to": "2026-03-31", "money-range-maximum_cents_1_value": "250.50"}
    data |= {
        "money-range-maximum_cents_1_from": "2026-04-01",
        "money-range-maximum_cents_1_source": "Letter 12",
    }
    data |= {"blank-row-severity": "off", "time-order-evening": "19:30", "annual-codes": "8875, 8876"}
    assert client.post(page(profile, "rules"), data).status_code == 302
    assert newest().descriptor["rules"] == {
        "money-range": {
            "maximum_cents": [
                {"value": 10000, "to": "2026-03-31"},
                {"value": 25050, "from": "2026-04-01", "source": "Letter 12"},
            ]
        },
        "blank-row": "off",
        "time-order": {"evening": "19:30"},
        "annual": {"codes": ["8875", "8876"]},
    }
    again = fields_of(client.get(page(newest(), "rules")).content)
    assert again["money-range-maximum_cents_1_source"] == "Letter 12"
    assert newest().descriptor["fields"] == SMALL["fields"]


@pytest.mark.parametrize(("language", "shown"), [("en", "1,234.50"), ("fr", "1\u202f234,50")])
def test_an_amount_is_read_as_it_is_shown_in_either_language(
    organization: Organization, language: str, shown: str
) -> None:
    profile = own(organization, SMALL | {"rules": {"money-range": {"maximum_cents": 123450}}})
    client = editor()
    headers = {"accept-language": language}
    data = fields_of(client.get(page(profile, "rules"), headers=headers).content)
    typed = data["money-range-maximum_cents_0_value"]
    assert typed.replace("\u00a0", "\u202f") == shown
    data |= {"paid-severity": "off"}
    assert client.post(page(profile, "rules"), data, headers=headers).status_code == 302
    assert newest().descriptor["rules"] == {"money-range": {"maximum_cents": 123450}, "paid": "off"}


@pytest.mark.parametrize(
    "change",
    [
        {"money-range-maximum_cents_0_value": "a lot"},
        {"money-range-maximum_cents_1_from": "2026-04-01"},
        {"money-range-maximum_cents_0_from": "2026-05-01", "money-range-maximum_cents_0_to": "2026-04-01"},
        {"time-order-evening": "25:00"},
        {"required-severity": "fatal"},
    ],
)
def test_a_wrong_number_or_date_is_told_beside_it(organization: Organization, change: dict[str, str]) -> None:
    profile, client = own(organization), editor()
    data = fields_of(client.get(page(profile, "rules")).content) | change
    response = client.post(page(profile, "rules"), data)
    assert response.status_code == 400
    assert "has a problem" in response.content.decode()
    assert newest().version == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_keeps_the_version_it_was_checked_by(organization: Organization, member: User) -> None:
    profile = own(organization)
    content = b"Facture;Date;Montant\r\n123456789;03/11/2026;150,00\r\n"
    first = factories.sent_run(organization, member, content, profile=profile)
    drain()
    Profile.objects.create(
        organization=organization, name="own", title_en="Own", title_fr="Le nôtre", version=2,
        descriptor=SMALL | {"rules": {"money-range": "off"}},
    )  # fmt: skip
    second = factories.sent_run(organization, member, content, profile=newest())
    drain()
    found = {
        run.pk: Finding.unscoped.filter(result__run=run, code="money-range").count()
        for run in (first, second)
    }
    assert found == {first.pk: 1, second.pk: 0}
    assert ValidationRun.unscoped.get(pk=first.pk).profile == profile


def test_versions_are_listed_and_compared(organization: Organization) -> None:
    first = own(organization)
    changed = json.loads(json.dumps(SMALL))
    changed["fields"][0]["constraints"]["required"] = False
    changed["rules"] = {"money-range": "warning"}
    second = Profile.objects.create(
        organization=organization,
        name="own",
        title_en="Own",
        title_fr="Le nôtre",
        version=2,
        descriptor=changed,
    )
    client = staff_client(VIEW)
    assert "3 changes" in client.get(page(second, "versions")).content.decode()
    shown = client.get(page(second, "compare")).context["differences"]
    assert [(change.place, change.before, change.after) for change in shown] == [
        ("Column “invoice” · constraints.required", "true", "false"),
        ("Rule “Amount out of range” · Largest amount", "10000", ""),
        ("Rule “Amount out of range” · Severity", "", "Warning"),
    ]
    assert client.get(page(first), follow=True).content.decode().count("The newest is version 2") == 1


def test_changes_name_columns_that_came_went_and_moved() -> None:
    after = SMALL | {"fields": [SMALL["fields"][2], SMALL["fields"][0], {"name": "note"}]}  # type: ignore[index]
    assert [(change.place, change.after) for change in changes(SMALL, after)] == [
        ("Column “day”", "removed"),
        ("Column “note”", "added"),
        ("Order of the columns", "amount, invoice"),
    ]


def test_an_older_version_is_read_only(organization: Organization) -> None:
    first, client = own(organization), editor()
    data = fields_of(client.get(page(first)).content)
    Profile.objects.create(
        organization=organization, name="own", title_en="Own", title_fr="N", version=2, descriptor=SMALL
    )
    assert '<fieldset class="pf-all" disabled>' in client.get(page(first)).content.decode()
    assert client.post(page(first), data).status_code == 403


def test_shipped_profiles_are_read_only(superuser: User) -> None:
    client, shipped = signed_in(superuser), factories.profile()
    for name in ("change", "rules"):
        content = client.get(page(shipped, name)).content.decode()
        assert '<fieldset class="pf-all" disabled>' in content
        assert client.post(page(shipped, name), {"start": "save"}).status_code == 403


def test_e04_pages_need_the_right_to_see_and_saving_the_right_to_change(organization: Organization) -> None:
    profile = own(organization)
    nobody, viewer = staff_client("validations.view_finding"), staff_client(VIEW)
    for name in PAGES:
        assert nobody.get(page(profile, name)).status_code == 403
        assert viewer.get(page(profile, name)).status_code == 200
    for name in ("change", "rules"):
        assert viewer.post(page(profile, name), {"start": "save"}).status_code == 403
    for client in (nobody, viewer):
        for data in ({"start": "sample"}, {"start": "save"}):
            assert client.post(reverse("admin:validations_profile_add"), data).status_code == 403
    assert newest().version == 1


def test_an_export_is_imported_again_as_it_was(organization: Organization) -> None:
    profile, client = own(organization), editor()
    response = client.get(page(profile, "export"))
    assert response.headers["Content-Disposition"] == 'attachment; filename="own-v1.json"'
    assert json.loads(response.content) == SMALL
    upload = SimpleUploadedFile("own.json", response.content)
    form = client.post(reverse("admin:validations_profile_add"), {"start": "import", "schema": upload})
    data = fields_of(form.content) | {"head-organization": str(organization.pk), "head-name": "second"}
    data |= {"head-title_en": "Second", "head-title_fr": "Deuxième"}
    client.post(reverse("admin:validations_profile_add"), data)
    second = EngineProfile.from_descriptor(Profile.objects.get(name="second").descriptor)
    first = EngineProfile.from_descriptor(SMALL)
    assert [f.constraints for f in second.fields] == [f.constraints for f in first.fields]
    assert second.settings == first.settings


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "This is no JSON document"),
        (b"[]", "list of “fields”"),
        (b'{"fields": []}', "fields: Give 1 to"),
        (b'{"fields": [{"name": "a", "type": "colour"}]}', "fields[0].type: Use one of"),
        (b'{"fields": [{"name": "a", "constraints": {"pattern": "(?=a)"}}]}', "fields[0].constraints.pattern"),
        (b"[" * 100000, "nested too deeply"),
        (b" ", "empty"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_schema_is_refused_in_words(
    organization: Organization, content: bytes, text: str
) -> None:
    profile, client = own(organization), editor()
    for address in (page(profile), reverse("admin:validations_profile_add")):
        upload = SimpleUploadedFile("schema.json", content)
        response = client.post(address, {"start": "import", "schema": upload}, follow=True)
        assert text in response.content.decode()
    assert Profile.objects.filter(organization=organization).count() == 1


def test_a_sample_proposes_a_profile_that_is_looked_at_and_saved(organization: Organization) -> None:
    sample = (
        "Compte;Jour;Prix;Quantité;Payé;Taux\r\n"
        "00123;17/02/2026;1 234,50;3;oui;0,125\r\n00124;03/03/2026;12,00;10;non;1,5\r\n"
    ).encode("cp1252")
    client = editor()
    upload = SimpleUploadedFile("sample.csv", sample)
    form = client.post(reverse("admin:validations_profile_add"), {"start": "sample", "sample": upload})
    assert form.status_code == 200
    assert "separator" in form.content.decode()
    assert not Profile.objects.filter(organization=organization).exists()
    data = fields_of(form.content) | {
        "head-organization": str(organization.pk), "head-name": "prices", "head-title_en": "Prices",
        "head-title_fr": "Prix",
    }  # fmt: skip
    assert client.post(reverse("admin:validations_profile_add"), data).status_code == 302
    fields = {field["name"]: field for field in Profile.objects.get(name="prices").descriptor["fields"]}
    assert fields["compte"]["constraints"]["pattern"] == "[0-9]{5}"
    assert [name for name, field in fields.items() if field.get("sensitive")] == ["compte"]
    assert fields["jour"]["formats"] == ["%d/%m/%Y"]
    assert (fields["prix"]["unit"], fields["prix"]["decimalChar"], fields["prix"]["groupChar"]) == (
        "cents",
        ",",
        " ",
    )
    assert (fields["quantite"]["type"], fields["taux"]["decimals"]) == ("integer", 3)
    assert (fields["paye"]["trueValues"], fields["paye"]["falseValues"]) == (["oui"], ["non"])


def test_a_sample_with_known_headers_takes_the_shipped_fields(organization: Organization) -> None:
    sample = (
        "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant;Médecin;Patient;Salle\r\n"
        "123456789;12345678901;2026-11-03;50137;15804;22,75;1632084-12345 Roy;TREM80010112 T;4\r\n"
    ).encode()
    upload = SimpleUploadedFile("sample.csv", sample)
    form = editor().post(reverse("admin:validations_profile_add"), {"start": "sample", "sample": upload})
    assert form.context["proposal"].like == "quebec-medical"
    fields = {field["name"]: field for field in form.context["proposal"].descriptor["fields"]}
    assert (fields["amount"]["errorCode"], fields["patient"]["keyLength"]) == ("money-format", 12)
    assert fields["salle"]["type"] == "integer"


def test_a_sample_that_is_no_table_is_refused_with_its_sentence(db: None) -> None:
    upload = SimpleUploadedFile("sample.csv", b"%PDF-1.7 \x00\x01" * 100)
    address = reverse("admin:validations_profile_add")
    response = editor().post(address, {"start": "sample", "sample": upload}, follow=True)
    assert "PDF" in response.content.decode()


def test_the_list_shows_the_newest_version_of_each(organization: Organization) -> None:
    own(organization)
    Profile.objects.create(
        organization=organization, name="own", title_en="Own", title_fr="N", version=2, descriptor=SMALL
    )
    rows = staff_client(VIEW).get(reverse("admin:validations_profile_changelist")).context["cl"].result_list
    assert [(row.name, row.version) for row in rows if row.organization_id] == [("own", 2)]
    assert len([row for row in rows if not row.organization_id]) == 3
