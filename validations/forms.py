"""The forms of files: sending them, and reading one again in another way."""

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from organizations.models import Organization
from validations.models import Profile
from validations.options import LAST_HEADER_LINE, LAST_SHEET
from validations.querysets import profiles_for

# What billing software writes; the API takes any encoding that Python knows.
ENCODINGS = (
    ("", _("Detect")),
    ("utf-8", "UTF-8"),
    ("cp1252", "Windows-1252"),
    ("iso8859-1", "ISO-8859-1 (Latin-1)"),
    ("iso8859-15", "ISO-8859-15 (Latin-9)"),
    ("mac-roman", "Mac Roman"),
    ("cp850", "DOS (CP850)"),
    ("utf-16", "UTF-16"),
)
DELIMITERS = (
    ("", _("Detect")),
    (";", _("Semicolon ;")),
    (",", _("Comma ,")),
    ("tab", _("Tab")),
    ("|", _("Bar |")),
    ("^", _("Caret ^")),
    ("~", _("Tilde ~")),
    (":", _("Colon :")),
    ("space", _("Space")),
)
READING_OPTIONS = ("encoding", "delimiter", "quotechar", "header_line", "sheet")
QUOTE_CHARACTERS = (
    ("", _("Detect")),
    ('"', _('Double quote "')),
    ("'", _("Apostrophe '")),
    ("none", pgettext_lazy("quote character", "None")),
)


class ReadingForm(forms.Form):
    """By which profile a file is checked and how it is read; everything left on "Detect" is detected."""

    profile = forms.ChoiceField(label=_("File format"))
    encoding = forms.ChoiceField(label=_("Encoding"), choices=ENCODINGS, required=False)
    delimiter = forms.ChoiceField(label=_("Separator"), choices=DELIMITERS, required=False)
    quotechar = forms.ChoiceField(label=_("Quote character"), choices=QUOTE_CHARACTERS, required=False)
    header_line = forms.IntegerField(
        label=_("Line of the column names"),
        min_value=0,
        max_value=LAST_HEADER_LINE,
        required=False,
        help_text=_("Leave empty to detect it; 0 means that there are none."),
    )
    sheet = forms.IntegerField(
        label=_("Sheet of the workbook"),
        min_value=1,
        max_value=LAST_SHEET,
        required=False,
        help_text=_("Its number from the left. Leave empty for the largest one."),
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.profiles: dict[str, Profile] = {profile.name: profile for profile in profiles_for(organization)}
        choices = [(name, profile.title) for name, profile in self.profiles.items()]
        self.fields["profile"].choices = choices  # type: ignore[attr-defined]  # a choice field
        for name, field in self.fields.items():
            if not isinstance(field.widget, forms.HiddenInput):
                field.widget.attrs["class"] = "input"
            if name in ("header_line", "sheet"):
                field.widget.attrs["inputmode"] = "numeric"

    @property
    def chosen_profile(self) -> Profile:
        """The profile that was chosen; the form is valid."""
        return self.profiles[self.cleaned_data["profile"]]

    @property
    def options(self) -> dict[str, Any]:
        """The reading options as the services take them; the form is valid."""
        return {
            name: self.cleaned_data[name]
            for name in READING_OPTIONS
            if self.cleaned_data[name] not in ("", None)
        }


class UploadForm(ReadingForm):
    """What is sent beside the files, which are judged one by one: the key makes sure that nothing is made twice."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    # The run whose file the one that is sent now corrects.
    replaces = forms.UUIDField(widget=forms.HiddenInput, required=False)
