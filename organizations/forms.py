"""The forms of people and organizations: sign-in, preferences, roles."""

import zoneinfo
from typing import Any

from allauth.account import forms as account_forms
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.validators import MaxValueValidator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from organizations.keys import LIFETIMES, SCOPES, USUAL_LIFETIME, USUAL_SCOPES
from organizations.models import Organization, User
from organizations.roles import Permission, RoleKey

# A year: then whoever needs the file has it elsewhere.
MOST_KEPT_DAYS = 365
# The regions in which people live; the rest of the zone database is old names and offsets.
_REGIONS = ("America/", "Europe/", "Africa/", "Asia/", "Australia/", "Pacific/", "Atlantic/", "Indian/")


def time_zones() -> list[tuple[str, str]]:
    """Every time zone to choose from, the site's own first."""
    names = sorted(name for name in zoneinfo.available_timezones() if name.startswith(_REGIONS))
    return [(name, name.replace("_", " ")) for name in names]


class Styled:
    """Fields in the look of the site."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # type: ignore[attr-defined]  # mixed into a form
            field.widget.attrs["class"] = "input"
            field.widget.attrs.pop("placeholder", None)


class SignInForm(Styled, account_forms.LoginForm):  # type: ignore[misc]  # allauth has no types
    """E-mail address and password, with the hints that password managers look for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail address")
        self.fields["login"].widget.attrs |= {"autocomplete": "username", "autofocus": True, "maxlength": 254}
        self.fields["password"].help_text = ""


class AskForPasswordForm(Styled, account_forms.ResetPasswordForm):  # type: ignore[misc]  # as above
    """The address whose password was forgotten."""


class NewPasswordForm(Styled, account_forms.ResetPasswordKeyForm):  # type: ignore[misc]  # as above
    """A new password, by the link of a letter."""


class ChangePasswordForm(Styled, account_forms.ChangePasswordForm):  # type: ignore[misc]  # as above
    """A new password, by the old one."""


class PreferencesForm(Styled, forms.ModelForm[User]):
    """What a person decides about themselves: name, language, time zone."""

    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)

    class Meta:
        model = User
        fields = ["full_name", "language", "time_zone"]
        labels = {"full_name": _("Your name"), "language": _("Language")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = [("", _("As my browser asks")), *User._meta.get_field("language").flatchoices]
        self.fields["language"].choices = languages  # type: ignore[attr-defined]  # a choice field
        site_zone = _("As the site: %(zone)s") % {"zone": settings.TIME_ZONE.replace("_", " ")}
        self.fields["time_zone"].choices = [("", site_zone), *time_zones()]  # type: ignore[attr-defined]
        self.fields["full_name"].widget.attrs["autocomplete"] = "name"


class OrganizationForm(Styled, forms.ModelForm[Organization]):
    """What an organization decides about itself."""

    class Meta:
        model = Organization
        fields = ["name", "keep_files_days"]
        labels = {"keep_files_days": _("Days to keep sent files")}
        help_texts = {
            "keep_files_days": _(
                "0 deletes a file as soon as it is checked. A kept file can be checked again without sending it."
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = self.fields["keep_files_days"]
        days.widget.attrs["max"] = MOST_KEPT_DAYS
        days.validators.append(MaxValueValidator(MOST_KEPT_DAYS))


class RoleForm(forms.Form):
    """What a role may do; a role of the organization's own has a title too."""

    title = forms.CharField(
        label=_("Name of the role"), max_length=60, widget=forms.TextInput(attrs={"class": "input"})
    )
    permissions = forms.MultipleChoiceField(
        label=_("This role may"),
        choices=Permission.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, with_title: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_title:
            del self.fields["title"]


NO_SCOPES = _("Choose what the key is for.")


def _lifetimes() -> list[tuple[int, str]]:
    """The lengths of time that a key can be good for, in the reader's language."""
    return [
        (
            days,
            ngettext("%(days)s day", "%(days)s days", days) % {"days": days} if days else gettext("No end"),
        )
        for days in LIFETIMES
    ]


class KeyFields(forms.Form):
    """What an API key is for, and for how long: the same on the page and in the admin."""

    scopes = forms.MultipleChoiceField(
        label=_("The key may"),
        help_text=_("Never more than its person may."),
        choices=[(one.value, one.label) for one in SCOPES],
        initial=[one.value for one in USUAL_SCOPES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": NO_SCOPES},
    )
    days = forms.TypedChoiceField(
        label=_("Good for"),
        choices=_lifetimes,
        coerce=int,
        initial=USUAL_LIFETIME,
    )


class KeyForm(KeyFields):
    """A new key of the person's own."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("What uses it, such as “Billing program of the front desk”."),
        max_length=100,
        widget=forms.TextInput(attrs={"class": "input"}),
    )
    field_order = ("name", "scopes", "days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].widget.attrs["class"] = "input"


class InvitationForm(Styled, forms.Form):
    """Whom to invite, and with which role."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, roles: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles  # type: ignore[attr-defined]  # a choice field
        self.fields["role"].initial = RoleKey.MEMBER


class JoinForm(Styled, forms.Form):
    """The account of somebody who is invited."""

    full_name = forms.CharField(label=_("Your name"), max_length=150)
    password1 = forms.CharField(
        label=_("Password"),
        help_text=_("At least 10 characters; several words are good."),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label=_("Password once more"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email
        self.fields["full_name"].widget.attrs["autocomplete"] = "name"

    def clean_password1(self) -> str:
        """A password that cannot be guessed.

        Raises: ValidationError.
        """
        password: str = self.cleaned_data["password1"]
        validate_password(password, User(email=self._email, full_name=self.cleaned_data.get("full_name", "")))
        return password

    def clean(self) -> dict[str, Any]:
        """The input, once both passwords are the same."""
        cleaned = super().clean() or {}
        if "password1" in cleaned and cleaned["password1"] != cleaned.get("password2"):
            self.add_error("password2", _("The two passwords differ. Type the same one twice."))
        return cleaned
