"""The admin pages of people, organizations and the keys of programs."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from jobs import audit
from jobs.admin.base import ServiceAction, StaffAdmin, badge, link_to
from jobs.models import ActionKind
from organizations import keys
from organizations.forms import NO_SCOPES, KeyFields
from organizations.models import ApiKey, Membership, Organization, User


class MembershipInline(TabularInline):
    """The members of an organization."""

    model = Membership
    extra = 0
    autocomplete_fields = ("user",)
    fields = ("user", "role")
    ordering = ("pk",)
    per_page = 20  # type: ignore[assignment]  # unfold types it by its empty default


class NewUserForm(UserCreationForm):
    """A new person, named by e-mail address."""

    class Meta:
        model = User
        fields = ("email", "full_name")


class EditUserForm(UserChangeForm):
    """A person; the password has a page of its own."""

    class Meta:
        model = User
        fields = "__all__"


# allauth's own pages of these: an account has one address, and secrets are nobody's to look at.
for _model in (Authenticator, EmailAddress, UserSession):
    admin.site.unregister(_model)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, StaffAdmin):  # type: ignore[type-arg]  # the class takes no parameter at run time
    """People; someone who leaves is made inactive, so that what they did keeps their name."""

    form = EditUserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "full_name", "display_kind", "display_active", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email__istartswith", "full_name__istartswith")
    search_help_text = gettext_lazy("Beginning of the address or of the name")
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "full_name", "password")}),
        (gettext_lazy("Preferences"), {"fields": ("language", "time_zone")}),
        (
            gettext_lazy("Administration"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "full_name", "usable_password", "password1", "password2")}),)

    actions = ("reset_factor",)
    page_actions = ("reset_factor",)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        """Whether the person may take second factors away: a superuser alone."""
        return bool(request.user.is_superuser)

    def applies(self, name: str, row: User) -> bool:
        """There is a factor to take away."""
        return bool(Authenticator.objects.filter(user=row).exists())

    @admin.action(description=gettext_lazy("Reset the second factor"), permissions=["reset"])
    def reset_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        """Let the chosen people set up a new second factor."""
        warning = _(
            "Make sure that it is the person who asks: with their password alone they can sign in then."
        )
        return self.act(request, queryset, "reset_factor", ServiceAction(_reset_factor, warning=warning))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a person is made inactive instead."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Only a superuser hands out rights, or changes someone who has more than they have."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return fixed
        return (*fixed, "is_staff", "is_superuser", "groups", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whether this person may edit that one: superusers are edited by superusers only."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    @admin.display(description=gettext_lazy("access"))
    def display_kind(self, user: User) -> str:
        """What the person may open beside their organizations."""
        if user.is_superuser:
            return badge(_("Superuser"), "accent")
        return badge(_("Staff"), "info") if user.is_staff else badge(_("Member"), "muted")

    @admin.display(description=gettext_lazy("state"), ordering="is_active")
    def display_active(self, user: User) -> str:
        """Whether the person can sign in."""
        return badge(_("Active"), "ok") if user.is_active else badge(_("Inactive"), "muted")


def _reset_factor(user: User, request: HttpRequest) -> bool:
    with transaction.atomic():
        removed, _by_model = Authenticator.objects.filter(user=user).delete()
        if removed:
            audit.record(request, ActionKind.CHANGE_FACTOR, "person", user.pk, details={"reset": removed})
    return bool(removed)


@admin.register(Organization)
class OrganizationAdmin(StaffAdmin):
    """Customers; one that leaves is suspended, so that nothing vanishes by a wrong click."""

    list_display = (
        "name",
        "slug",
        "display_members",
        "keep_files_days",
        "daily_upload_limit",
        "display_state",
    )
    search_fields = ("name__icontains", "slug__istartswith")
    search_help_text = gettext_lazy("Part of the name, or the beginning of the address")
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("created_at", "suspended_at")
    inlines = (MembershipInline,)
    actions = ("suspend", "unsuspend")
    page_actions = ("suspend", "unsuspend")
    fieldsets = (
        (None, {"fields": ("name", "slug")}),
        (
            gettext_lazy("Limits"),
            {"fields": ("keep_files_days", "daily_upload_limit", "daily_size_limit_mib")},
        ),
        (gettext_lazy("Dates"), {"fields": ("created_at", "suspended_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        """Organizations with the number of their members."""
        rows: QuerySet[Organization] = super().get_queryset(request)
        return rows.annotate(member_count=Count("memberships"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: an organization is suspended instead."""
        return False

    def applies(self, name: str, row: Organization) -> bool:
        """A suspension is put or lifted."""
        return (name == "suspend") is (row.suspended_at is None)

    @admin.display(description=gettext_lazy("members"), ordering="member_count")
    def display_members(self, organization: Any) -> int:
        """How many people belong to it."""
        return int(organization.member_count)

    @admin.display(description=gettext_lazy("state"), ordering="suspended_at")
    def display_state(self, organization: Organization) -> str:
        """Whether it may upload."""
        return badge(_("Suspended"), "warn") if organization.suspended_at else badge(_("Active"), "ok")

    @admin.action(description=gettext_lazy("Suspend: may read, not upload"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> Any:
        """Stop the chosen organizations from uploading."""
        warning = _("Nobody in these organizations can upload until the suspension is lifted.")
        return self.act(request, queryset, "suspend", ServiceAction(_suspend, warning=warning))

    @admin.action(description=gettext_lazy("Lift the suspension"), permissions=["change"])
    def unsuspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> Any:
        """Let the chosen organizations upload again."""
        return self.act(request, queryset, "unsuspend", ServiceAction(_unsuspend))


def _suspend(organization: Organization, request: HttpRequest) -> bool:
    rows = Organization.objects.filter(pk=organization.pk, suspended_at=None)
    return bool(rows.update(suspended_at=timezone.now()))


def _unsuspend(organization: Organization, request: HttpRequest) -> bool:
    rows = Organization.objects.filter(pk=organization.pk, suspended_at__isnull=False)
    return bool(rows.update(suspended_at=None))


@admin.register(Membership)
class MembershipAdmin(StaffAdmin):
    """Who belongs where, and with which role."""

    list_display = ("user", "display_organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email__istartswith", "organization__slug__istartswith")
    search_help_text = gettext_lazy("Beginning of the person's or of the organization's address")
    autocomplete_fields = ("user", "organization")
    readonly_fields = ("created_at",)

    @admin.display(description=gettext_lazy("organization"), ordering="organization__name")
    def display_organization(self, membership: Membership) -> str:
        """The organization, leading to its page."""
        return link_to(membership.organization)


class NewApiKeyForm(KeyFields, forms.ModelForm):  # type: ignore[type-arg]  # the class takes no parameter at run time
    """What has to be known to issue a key."""

    # Set by the page.
    issuer: User | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A key of the operators acts with the rights of its person.
        self.fields["scopes"].required = False

    class Meta:
        model = ApiKey
        fields = ("organization", "user", "name", "scopes")

    def clean(self) -> dict[str, Any]:
        """The input, once the person was found among the organization's members, or among staff."""
        cleaned = super().clean() or {}
        organization, user = cleaned.get("organization"), cleaned.get("user")
        if user and "organization" in cleaned and organization is None:
            self._check_operator(user)
        if organization and not cleaned.get("scopes"):
            self.add_error("scopes", NO_SCOPES)
        members = Membership.unscoped.filter(organization=organization, user=user)
        if organization and user and not members.exists():
            self.add_error("user", _("Choose a member of this organization: the key acts in their name."))
        return cleaned

    def _check_operator(self, user: User) -> None:
        if not user.is_staff:
            self.add_error(
                "user", _("Choose a person of staff: a key of no organization acts with their rights.")
            )
        elif self.issuer is not None and user != self.issuer and not self.issuer.is_superuser:
            # The key is shown to whoever issues it: else they could take the rights of anybody.
            self.add_error("user", _("Only a superuser issues such a key for somebody else."))


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    """Keys of programs; a key is shown once, when it is issued."""

    form = NewApiKeyForm
    list_display = (
        "name",
        "prefix",
        "display_organization",
        "user",
        "display_state",
        "created_at",
        "expires_at",
        "last_used_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("organization", "user")
    search_exact = {"prefix": str, "user__email": str.lower, "organization__slug": str.lower}
    search_help_text = gettext_lazy("The first 8 characters of the key, or an address")
    autocomplete_fields = ("user", "organization")
    actions = ("revoke",)
    page_actions = ("revoke",)
    fields = ("organization", "user", "name", "scopes", "days")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Of a key that exists, all but its digest."""
        if obj is None:
            return tuple(self.fields)
        told = ("prefix", "display_scopes", "created_at", "expires_at", "revoked_at")
        return ("organization", "user", "name", *told, "last_used_at", "last_used_from")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a key is revoked and another one issued."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a key is revoked, so that what it did keeps its name."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether the person may end a key."""
        return request.user.has_perm("organizations.change_apikey")

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 -- Django's signature
        **kwargs: Any,
    ) -> Any:
        """The form, which knows who issues the key."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.issuer = request.user
        return form

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: Any) -> None:
        """Issue the key; `response_add` shows it."""
        chosen = form.cleaned_data
        issued = keys.issue(
            organization=obj.organization,
            user=obj.user,
            name=obj.name,
            by=request,
            scopes=chosen["scopes"] if obj.organization else None,
            days=chosen["days"],
        )
        obj.pk, obj.prefix = issued.row.pk, issued.row.prefix
        obj.issued_key = issued.secret  # type: ignore[attr-defined]  # for `response_add` alone

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page that shows the key, this once, and is kept nowhere."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("The new API key"),
            "api_key": obj,
            "issued_key": obj.issued_key,  # type: ignore[attr-defined]
        }
        response = TemplateResponse(request, "admin/organizations/apikey/issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def applies(self, name: str, row: ApiKey) -> bool:
        """A key is revoked once."""
        return row.revoked_at is None

    @admin.display(description=gettext_lazy("organization"), ordering="organization__name")
    def display_organization(self, key: ApiKey) -> str:
        """The organization, leading to its page."""
        return link_to(key.organization) if key.organization else _("Operators")

    @admin.display(description=gettext_lazy("state"), ordering="revoked_at")
    def display_state(self, key: ApiKey) -> str:
        """Whether the key opens anything."""
        shown = {
            "active": (_("Active"), "ok"),
            "expired": (_("Expired"), "warn"),
            "revoked": (_("Revoked"), "muted"),
        }
        return badge(*shown[keys.state_of(key)])

    @admin.display(description=gettext_lazy("scopes"))
    def display_scopes(self, key: ApiKey) -> str:
        """What the key is for."""
        if key.scopes is None:
            return _("Everything its person may do")
        return ", ".join(str(one.label) for one in keys.SCOPES if one.value in key.scopes)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> Any:
        """End the chosen keys at once."""
        warning = _(
            "Programs that use these keys are refused from now on. A revoked key cannot be brought back."
        )
        return self.act(request, queryset, "revoke", ServiceAction(_revoke, warning=warning))


def _revoke(key: ApiKey, request: HttpRequest) -> bool:
    return keys.revoke(key, by=request)
