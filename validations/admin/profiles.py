"""File formats, versioned."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.admin.base import (
    StaffAdmin,
    badge,
    folded,
    json_text,
    link_to,
)
from validations.engine.profile import Profile as EngineProfile
from validations.engine.profile import ProfileError
from validations.models import Profile
from validations.sentences import reader_language


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # the class takes no parameter at run time
    """A profile whose descriptor the engine understands."""

    class Meta:
        model = Profile
        fields = ("organization", "name", "title_en", "title_fr", "descriptor")

    def clean_descriptor(self) -> Any:
        """The descriptor, once the engine could read it."""
        descriptor = self.cleaned_data["descriptor"]
        try:
            EngineProfile.from_descriptor(descriptor)
        except ProfileError as error:
            text = error.problem.to(reader_language())
            raise forms.ValidationError(
                "%(path)s: %(text)s", params={"path": error.path, "text": text}
            ) from None
        return descriptor


@admin.register(Profile)
class ProfileAdmin(StaffAdmin):
    """File formats; saving a changed one makes a new version, so that old runs keep theirs."""

    form = ProfileForm
    list_display = ("name", "version", "display_title", "display_owner", "created_at")
    list_select_related = ("organization",)
    list_defer = ("descriptor",)
    search_fields = ("name__istartswith",)
    search_help_text = gettext_lazy("Beginning of the name")
    autocomplete_fields = ("organization",)
    fields = ("organization", "name", ("title_en", "title_fr"), "descriptor")

    def has_change_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """Whether the person may edit this one; shipped profiles come with the program and change with it."""
        if obj is not None and obj.organization_id is None:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """Never: runs of the past name their profile."""
        return False

    def get_fields(self, request: HttpRequest, obj: Profile | None = None) -> list[Any]:
        """The fields; who may only read gets the descriptor as text with its accents."""
        if obj is None or self.has_change_permission(request, obj):
            return list(self.fields)
        return ["display_descriptor" if name == "descriptor" else name for name in self.fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Profile | None = None) -> tuple[str, ...]:
        """Of a profile that exists, its owner and name are fixed."""
        return ("organization", "name") if obj else ()

    def save_model(self, request: HttpRequest, obj: Profile, form: Any, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Store the profile as the next version of its name."""
        obj.version = next_version(obj)
        if change:
            obj.pk = None
            obj._state.adding = True
        super().save_model(request, obj, form, change=False)

    @admin.display(description=gettext_lazy("title"))
    def display_title(self, profile: Profile) -> str:
        """The title in the reader's language."""
        return profile.title

    @admin.display(description=gettext_lazy("belongs to"), ordering="organization__name")
    def display_owner(self, profile: Profile) -> str:
        """The organization, or that the profile comes with the program."""
        return link_to(profile.organization) if profile.organization else badge(_("Shipped"), "accent")

    @admin.display(description=gettext_lazy("Table Schema and rules"))
    def display_descriptor(self, profile: Profile) -> str:
        """The descriptor to read, folded: it has some hundred lines."""
        count = len(profile.descriptor.get("fields", []))
        summary = ngettext("%(count)d column", "%(count)d columns", count) % {"count": count}
        return folded(summary, json_text(profile.descriptor))


def next_version(profile: Profile) -> int:
    """The number after the newest version of the profile's name."""
    same = Profile.objects.filter(organization=profile.organization, name=profile.name)
    newest = same.order_by("-version").values_list("version", flat=True).first()
    return (newest or 0) + 1
