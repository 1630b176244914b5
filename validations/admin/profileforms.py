"""The forms of a profile: its head, its columns as rows, and the settings of its rules."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from organizations.models import Organization
from validations.engine import texts
from validations.engine.clock import DATE_FORMATS
from validations.engine.profile import MAX_FIELDS, TYPES, ProfileError
from validations.engine.profile import Profile as EngineProfile
from validations.engine.rules import OFF, RULES, Parameter, Rule, all_rules
from validations.models import Profile, Severity
from validations.sentences import reader_language

# Rows without a name, for columns to come.
BLANK_COLUMNS = 3
# Periods of a number: those there are, and this many more.
BLANK_PERIODS = 1
_HEAD_KEYS = ("name", "title", "titles", "missingValues", "primaryKey", "fields")
_CONSTRAINT_KEYS = ("required", "unique", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength")
# Path in the descriptor -> field of the form.
_FORM_FIELDS = {
    "constraints.pattern": "pattern", "constraints.enum": "enum", "constraints.minLength": "min_length",
    "constraints.maxLength": "max_length", "constraints.minimum": "minimum", "constraints.maximum": "maximum",
    "title": "label", "titles": "title_en", "keyLength": "key_length", "errorCode": "error_code",
    "expected": "expected_en",
    "decimalChar": "decimal_char", "groupChar": "group_char", "trueValues": "true_values",
    "falseValues": "false_values",
}  # fmt: skip
_SEPARATORS = [(".", "."), (",", ",")]
_GROUPS = [("", gettext_lazy("none")), (" ", gettext_lazy("space")), (",", ","), (".", ".")]


class LinesField(forms.CharField):
    """A list, one entry a line."""

    widget = forms.Textarea(attrs={"rows": 2})

    def to_python(self, value: Any) -> Any:
        """The lines that are not empty."""
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        """The entries, one a line."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other entries were typed than stood there."""
        return bool(list(initial or []) != self.to_python(data))


class JSONText(forms.CharField):
    """What the form does not show of an entry, carried along."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """The object."""
        try:
            read = json.loads(value or "{}")
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise forms.ValidationError(_("An object is expected."))
        return read

    def prepare_value(self, value: Any) -> Any:
        """The object as text."""
        return value if isinstance(value, str) else json.dumps(value or {}, ensure_ascii=False)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Never: nobody types here."""
        return False


class HeadForm(forms.Form):
    """Whose profile it is, what it is called, and what holds for the file as a whole."""

    organization = forms.ModelChoiceField(
        label=gettext_lazy("Organization"),
        queryset=Organization.objects.none(),
        help_text=gettext_lazy("A profile of the same name replaces the shipped one for this organization."),
    )
    name = forms.SlugField(
        label=gettext_lazy("Name"),
        max_length=60,
        help_text=gettext_lazy("Lower-case letters, digits and hyphens."),
    )
    title_en = forms.CharField(label=gettext_lazy("Title in English"), max_length=120)
    title_fr = forms.CharField(label=gettext_lazy("Title in French"), max_length=120)
    missing_values = LinesField(
        label=gettext_lazy("Texts that stand for an empty cell"),
        required=False,
        help_text=gettext_lazy("One a line. A cell without a text is always empty."),
    )
    primary_key = forms.CharField(
        label=gettext_lazy("Columns that name a row"),
        required=False,
        help_text=gettext_lazy("Names separated by commas; no two rows have the same values there."),
    )
    base = JSONText(required=False)

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organizations = self.fields["organization"]
        if is_new and isinstance(organizations, forms.ModelChoiceField):
            organizations.queryset = Organization.objects.order_by("name")
        else:
            del self.fields["organization"], self.fields["name"]

    @staticmethod
    def initial_of(descriptor: Mapping[str, Any], title_en: str = "", title_fr: str = "") -> dict[str, Any]:
        """The values of the form for a descriptor."""
        titles = descriptor.get("titles") or {}
        key = descriptor.get("primaryKey") or []
        return {
            "name": descriptor.get("name", ""),
            "title_en": title_en or titles.get("en") or descriptor.get("title", ""),
            "title_fr": title_fr or titles.get("fr") or descriptor.get("title", ""),
            "missing_values": [value for value in descriptor.get("missingValues", []) if value],
            "primary_key": key if isinstance(key, str) else ", ".join(map(str, key)),
            "base": {key: value for key, value in descriptor.items() if key not in _HEAD_KEYS},
        }

    def descriptor(self, name: str, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The whole descriptor that the forms describe."""
        values = self.cleaned_data
        key = [part.strip() for part in values["primary_key"].split(",") if part.strip()]
        return {
            "name": name,
            "title": values["title_en"],
            "titles": {"en": values["title_en"], "fr": values["title_fr"]},
            "missingValues": ["", *values["missing_values"]],
            **({"primaryKey": key} if key else {}),
            "fields": list(fields),
            **{key: value for key, value in values["base"].items() if key not in _HEAD_KEYS},
        }


class ColumnForm(forms.Form):
    """One column: a row of the form."""

    position = forms.IntegerField(label=gettext_lazy("No."), min_value=1, max_value=9999, required=False)
    remove = forms.BooleanField(label=gettext_lazy("Remove"), required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    label = forms.CharField(label=gettext_lazy("Header in the file"), max_length=200)
    title_en = forms.CharField(label=gettext_lazy("Title in English"), max_length=200, required=False)
    title_fr = forms.CharField(label=gettext_lazy("Title in French"), max_length=200, required=False)
    aliases = LinesField(label=gettext_lazy("Other spellings of the header"), required=False)
    type = forms.ChoiceField(
        label=gettext_lazy("Type"), choices=[(name, name) for name in TYPES], initial="string"
    )
    required = forms.BooleanField(label=gettext_lazy("Required"), required=False)
    unique = forms.BooleanField(label=gettext_lazy("No value twice"), required=False)
    formats = LinesField(label=gettext_lazy("Date formats, the usual one first"), required=False)
    money = forms.BooleanField(label=gettext_lazy("An amount of money"), required=False)
    currency = forms.BooleanField(label=gettext_lazy("A dollar sign may stand beside it"), required=False)
    decimals = forms.IntegerField(label=gettext_lazy("Decimals"), min_value=0, max_value=10, required=False)
    decimal_char = forms.ChoiceField(
        label=gettext_lazy("Decimal mark"), choices=_SEPARATORS, initial=".", required=False
    )
    group_char = forms.ChoiceField(label=gettext_lazy("Mark of thousands"), choices=_GROUPS, required=False)
    pattern = forms.CharField(
        label=gettext_lazy("Pattern (regular expression)"), max_length=500, required=False
    )
    expected_en = forms.CharField(
        label=gettext_lazy("The pattern in words, English"), max_length=200, required=False
    )
    expected_fr = forms.CharField(
        label=gettext_lazy("The pattern in words, French"), max_length=200, required=False
    )
    enum = LinesField(label=gettext_lazy("Allowed values, one a line"), required=False)
    minimum = forms.CharField(label=gettext_lazy("Smallest value"), max_length=40, required=False)
    maximum = forms.CharField(label=gettext_lazy("Largest value"), max_length=40, required=False)
    min_length = forms.IntegerField(label=gettext_lazy("Shortest text"), min_value=0, required=False)
    max_length = forms.IntegerField(label=gettext_lazy("Longest text"), min_value=0, required=False)
    true_values = LinesField(label=gettext_lazy("Words for true"), required=False)
    false_values = LinesField(label=gettext_lazy("Words for false"), required=False)
    key_length = forms.IntegerField(
        label=gettext_lazy("Characters that identify (of a patient or provider)"), min_value=1, required=False
    )
    sensitive = forms.BooleanField(
        label=gettext_lazy("Data of patients, masked for readers without the right to see it"), required=False
    )
    error_code = forms.ChoiceField(
        label=gettext_lazy("Rule that reports unreadable values"), choices=[("", "–")], required=False
    )
    base = JSONText(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["error_code"]
        if isinstance(field, forms.ChoiceField):
            language = reader_language()
            codes = sorted(code for code, rule in all_rules().items() if rule.judges_format)
            field.choices = [("", "–"), *((code, texts.title(code, language)) for code in codes)]

    def clean_formats(self) -> list[str]:
        """Date formats by their names, or as a reader sees them."""
        shown = {form.upper(): name for name, (_shape, form) in DATE_FORMATS.items()}
        given: list[str] = self.cleaned_data["formats"]
        formats = [name if name in DATE_FORMATS else shown.get(name.upper(), "") for name in given]
        if not all(formats):
            known = ", ".join(form for _shape, form in DATE_FORMATS.values())
            raise forms.ValidationError(_("Use one of: %(known)s.") % {"known": known})
        return formats

    @staticmethod
    def initial_of(entry: Mapping[str, Any], position: int) -> dict[str, Any]:
        """The values of the row for one field of a descriptor."""
        titles, demands = entry.get("titles") or {}, entry.get("constraints") or {}
        expected, formats = entry.get("expected") or {}, entry.get("formats")
        single = entry.get("format", "default")
        if formats is None:
            formats = [single] if entry.get("type") == "date" and single in DATE_FORMATS else []
        label = entry.get("title", entry.get("name", ""))
        return {
            "position": position,
            "name": entry.get("name", ""),
            "label": label,
            "title_en": titles.get("en", label),
            "title_fr": titles.get("fr", label),
            "aliases": entry.get("aliases", []),
            "type": entry.get("type", "string"),
            "required": demands.get("required", False),
            "unique": demands.get("unique", False),
            "formats": [DATE_FORMATS[name][1] if name in DATE_FORMATS else name for name in formats],
            "money": entry.get("unit") == "cents",
            "currency": not entry.get("bareNumber", True),
            "decimals": entry.get("decimals"),
            "decimal_char": entry.get("decimalChar", "."),
            "group_char": entry.get("groupChar", ""),
            "pattern": demands.get("pattern", ""),
            "expected_en": expected.get("en", ""),
            "expected_fr": expected.get("fr", ""),
            "enum": [str(value) for value in demands.get("enum", [])],
            "minimum": "" if demands.get("minimum") is None else str(demands["minimum"]),
            "maximum": "" if demands.get("maximum") is None else str(demands["maximum"]),
            "min_length": demands.get("minLength"),
            "max_length": demands.get("maxLength"),
            "true_values": entry.get("trueValues", []),
            "false_values": entry.get("falseValues", []),
            "key_length": entry.get("keyLength"),
            "sensitive": bool(entry.get("sensitive")),
            "error_code": entry.get("errorCode", ""),
            "base": _unseen(entry),
        }

    def entry(self) -> dict[str, Any]:
        """The field of the descriptor that the row describes."""
        values = self.cleaned_data
        base = dict(values["base"])
        inner = dict(base.pop("constraints", {}))
        entry: dict[str, Any] = {
            "name": values["name"],
            "type": values["type"],
            "title": values["label"],
            "titles": {
                "en": values["title_en"] or values["label"],
                "fr": values["title_fr"] or values["label"],
            },
            **base,
        }
        optional = {
            "aliases": values["aliases"], "formats": values["formats"], "unit": "cents" if values["money"] else "",
            "decimals": values["decimals"], "groupChar": values["group_char"], "trueValues": values["true_values"],
            "falseValues": values["false_values"], "keyLength": values["key_length"], "errorCode": values["error_code"],
            "sensitive": values["sensitive"] or None,
        }  # fmt: skip
        entry |= {key: value for key, value in optional.items() if value not in ("", None, [])}
        if values["decimal_char"] == ",":
            entry["decimalChar"] = ","
        if values["currency"]:
            entry["bareNumber"] = False
        if values["expected_en"] or values["expected_fr"]:
            entry["expected"] = {
                "en": values["expected_en"] or values["expected_fr"],
                "fr": values["expected_fr"] or values["expected_en"],
            }
        demands = inner | self._demands()
        return entry | ({"constraints": demands} if demands else {})

    def _demands(self) -> dict[str, Any]:
        values = self.cleaned_data
        demands = {
            "required": values["required"] or None, "unique": values["unique"] or None, "pattern": values["pattern"],
            "enum": values["enum"], "minimum": _number(values["minimum"]), "maximum": _number(values["maximum"]),
            "minLength": values["min_length"], "maxLength": values["max_length"],
        }  # fmt: skip
        return {key: value for key, value in demands.items() if value not in ("", None, [])}


# The columns as rows; rows without a name at the end are for columns to come.
ColumnRows: TypeAlias = "forms.BaseFormSet[ColumnForm]"
Columns: "type[ColumnRows]" = forms.formset_factory(
    ColumnForm, extra=BLANK_COLUMNS, max_num=MAX_FIELDS, absolute_max=MAX_FIELDS + BLANK_COLUMNS
)


def kept_rows(rows: ColumnRows) -> list[ColumnForm]:
    """The filled rows that stay, in the order wanted; the forms are valid."""
    kept = [form for form in rows.forms if form.cleaned_data.get("name") and not form.cleaned_data["remove"]]
    return sorted(kept, key=lambda form: form.cleaned_data["position"] or 9999)


def columns_of(descriptor: Mapping[str, Any]) -> ColumnRows:
    """The rows for a descriptor, and a few empty ones."""
    fields = descriptor.get("fields") or []
    return Columns(
        initial=[ColumnForm.initial_of(entry, place) for place, entry in enumerate(fields, start=1)],
        prefix="column",
    )


def _unseen(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the row does not show, so that saving does not lose it."""
    seen = {
        "name", "type", "title", "titles", "aliases", "formats", "unit", "decimals", "decimalChar", "groupChar",
        "bareNumber", "trueValues", "falseValues", "keyLength", "errorCode", "expected", "constraints",
        "sensitive",
    }  # fmt: skip
    seen |= {"format"} if entry.get("type") == "date" else set()
    kept = {key: value for key, value in entry.items() if key not in seen}
    inner = {
        key: value for key, value in (entry.get("constraints") or {}).items() if key not in _CONSTRAINT_KEYS
    }
    return kept | ({"constraints": inner} if inner else {})


def _number(text: str) -> Any:
    """A bound as JSON has it: a number where it is one, else the text."""
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?[0-9]{1,12}\.[0-9]{1,3}", text) else text


def tell(error: ProfileError, head: forms.Form, rows: Sequence[ColumnForm]) -> None:
    """Put what the engine says of a descriptor beside the field that it means, with the path."""
    text = error.problem.to(reader_language())
    found = re.match(r"fields\[(\d+)\]\.?(.*)", error.path)
    if found is None or int(found.group(1)) >= len(rows):
        head.add_error(None, f"{error.path}: {text}")
        return
    row, inside = rows[int(found.group(1))], re.sub(r"\[\d+\]|\.(en|fr)$", "", found.group(2))
    name = _FORM_FIELDS.get(inside, inside)
    row.add_error(name if name in row.fields else None, f"{error.path}: {text}")


class RuleForm(forms.Form):
    """What a profile says about one rule: its severity, and its numbers with the dates between which they hold."""

    severity = forms.ChoiceField(label=gettext_lazy("Severity"), required=False)

    def __init__(self, code: str, setting: Mapping[str, Any], data: Any = None) -> None:
        super().__init__(data, prefix=code)
        self.code = code
        self.rule: Rule | None = RULES.get(code)
        self.given = {key: value for key, value in setting.items() if key != "severity"}
        self.texts = texts.texts_of(code)
        own = OFF if self.rule is not None and self.rule.is_off_by_default else self.texts.severity
        choices: list[tuple[str, str]] = [(value, str(label)) for value, label in Severity.choices]
        choices.append((OFF, _("Off")))
        usual = dict(choices)[own]
        field = self.fields["severity"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("As shipped (%(severity)s)") % {"severity": usual}), *choices]
        self.initial["severity"] = setting.get("severity", "")
        self.parameters = [ParameterFields(self, parameter) for parameter in self._declared()]

    def _declared(self) -> tuple[Parameter, ...]:
        return self.rule.parameters if self.rule is not None else ()

    @property
    def title(self) -> str:
        """The rule's name in the reader's language."""
        return self.texts.title.to(reader_language())

    @property
    def is_changed(self) -> bool:
        """Whether the profile says anything of its own about the rule."""
        return bool(self.initial["severity"] or self.given)

    def clean(self) -> dict[str, Any]:
        """The values, once every parameter was read."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            for parameter in self.parameters:
                parameter.read(cleaned)
        return cleaned

    def setting(self) -> dict[str, Any] | str | None:
        """The rule's entry in a descriptor; None where nothing differs from what is shipped."""
        severity = self.cleaned_data["severity"]
        params = {p.parameter.name: p.value for p in self.parameters if p.value is not None}
        if not params:
            return severity or None
        return ({"severity": severity} if severity else {}) | params


class ParameterFields:
    """The fields of one parameter: periods of a number, or one text or list."""

    def __init__(self, form: RuleForm, parameter: Parameter) -> None:
        self.form, self.parameter = form, parameter
        self.value: Any = None
        self.is_number = isinstance(parameter.default, int)
        self.periods: list[str] = []
        given = form.given.get(parameter.name)
        if self.is_number:
            self._add_periods(given)
        else:
            self._add_text(given)

    @property
    def title(self) -> str:
        """What the parameter means, in the reader's language."""
        return self.parameter.title.to(reader_language())

    @property
    def usual(self) -> str:
        """The shipped value as it is written in the form."""
        default = self.parameter.default
        return _written(default, self.parameter) if isinstance(default, int) else _joined(default)

    @property
    def source(self) -> str:
        """Where the shipped value comes from, or that it is to be confirmed."""
        return self.parameter.source or _("to be confirmed")

    @property
    def rows(self) -> list[list[forms.BoundField]]:
        """The fields as rows: value, from, to and source of each period; one field for anything else."""
        if not self.is_number:
            return [[self.form[self.parameter.name]]]
        return [
            [self.form[f"{period}_{part}"] for part in ("value", "from", "to", "source")]
            for period in self.periods
        ]

    def read(self, cleaned: Mapping[str, Any]) -> None:
        """Take the value that was typed; None stands for the shipped one."""
        if not self.is_number:
            typed = str(cleaned.get(self.parameter.name) or "").strip()
            self.value = self._parsed_text(typed) if typed else None
            return
        periods = [period for period in (self._period(cleaned, name) for name in self.periods) if period]
        if len(periods) == 1 and set(periods[0]) == {"value"}:
            self.value = periods[0]["value"]
        else:
            self.value = periods or None

    def _parsed_text(self, typed: str) -> Any:
        if isinstance(self.parameter.default, tuple):
            return [part.strip() for part in typed.split(",") if part.strip()]
        return typed

    def _period(self, cleaned: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        value = cleaned.get(f"{name}_value")
        dates = {part: cleaned.get(f"{name}_{part}") for part in ("from", "to")}
        source = cleaned.get(f"{name}_source")
        if value is None:
            if any(dates.values()) or source:
                self.form.add_error(
                    f"{name}_value", _("Give a number for these dates, or leave the row empty.")
                )
            return None
        if dates["from"] and dates["to"] and dates["to"] < dates["from"]:
            self.form.add_error(f"{name}_to", _("The last day lies before the first one."))
        number = int(value * 100) if self.parameter.unit == "cents" else int(value)
        told: dict[str, Any] = {"value": number}
        told |= {part: day.isoformat() for part, day in dates.items() if day}
        return told | ({"source": source} if source else {})

    def _add_periods(self, given: Any) -> None:
        periods = given if isinstance(given, list) else [{"value": given}] if given is not None else []
        is_money = self.parameter.unit == "cents"
        for place in range(len(periods) + BLANK_PERIODS):
            period = periods[place] if place < len(periods) else {}
            name = f"{self.parameter.name}_{place}"
            self.periods.append(name)
            number = period.get("value")
            self._add(
                f"{name}_value",
                forms.DecimalField(
                    label=_("Value"),
                    required=False,
                    decimal_places=2 if is_money else 0,
                    max_digits=12,
                    localize=is_money,
                ),
                Decimal(number).scaleb(-2) if is_money and number is not None else number,
            )
            day = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            for part, label in (("from", _("From")), ("to", _("To"))):
                self._add(
                    f"{name}_{part}",
                    forms.DateField(label=label, required=False, widget=day),
                    period.get(part),
                )
            self._add(
                f"{name}_source",
                forms.CharField(label=_("Source"), required=False, max_length=200),
                period.get("source", ""),
            )

    def _add_text(self, given: Any) -> None:
        name = self.parameter.name
        field: forms.Field = forms.CharField(label=self.title, required=False, max_length=2000)
        if self.parameter.unit == "severity":
            choices = [("", _("As shipped")), *Severity.choices]
            field = forms.ChoiceField(label=self.title, required=False, choices=choices)
        elif self.parameter.unit == "time":
            shape = r"([01][0-9]|2[0-3]):[0-5][0-9]"
            field = forms.RegexField(shape, label=self.title, required=False)
        self._add(name, field, _joined(given) if given is not None else "")

    def _add(self, name: str, field: forms.Field, initial: Any) -> None:
        self.form.fields[name] = field
        self.form.initial[name] = initial


def rule_forms(descriptor: Mapping[str, Any], data: Any = None) -> list[RuleForm]:
    """A form for each code that a finding can carry, the billing rules first."""
    settings = descriptor.get("rules") or {}
    codes = sorted(texts.known_codes(), key=lambda code: (code not in RULES, code))
    return [RuleForm(code, _as_object(settings.get(code)), data) for code in codes]


def with_rules(descriptor: Mapping[str, Any], forms_: Sequence[RuleForm]) -> dict[str, Any]:
    """The descriptor with the settings that the forms hold.

    Raises: ProfileError, naming the path, for what the engine does not take.
    """
    settings = {form.code: setting for form in forms_ if (setting := form.setting()) is not None}
    changed = {**descriptor, "rules": settings}
    EngineProfile.from_descriptor(changed)
    return changed


def newest_of(profile: Profile) -> Profile:
    """The newest version of the profile's name and owner."""
    same = Profile.objects.filter(organization=profile.organization, name=profile.name)
    return same.order_by("-version").select_related("organization")[0]


def _as_object(setting: Any) -> Mapping[str, Any]:
    return {"severity": setting} if isinstance(setting, str) else setting or {}


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _written(number: int, parameter: Parameter) -> str:
    if parameter.unit == "cents":
        return texts.format_money(number, reader_language())
    return str(number)
