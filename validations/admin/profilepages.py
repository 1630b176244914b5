"""The pages of a profile: its columns, its rules, its versions and what changed between them, and its export."""

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.admin.base import StaffAdmin, admin_page
from validations.admin.profileforms import (
    ColumnRows,
    Columns,
    HeadForm,
    RuleForm,
    columns_of,
    kept_rows,
    newest_of,
    rule_forms,
    tell,
    with_rules,
)
from validations.admin.profileimport import ImportedFileError, read_schema
from validations.engine.profile import Profile as EngineProfile
from validations.engine.profile import ProfileError
from validations.models import Profile
from validations.profilediff import changes
from validations.sentences import reader_language


def columns(admin: StaffAdmin, request: HttpRequest, profile: Profile) -> HttpResponseBase:
    """The columns as rows, and what is saved of them."""
    may_change = is_editable(admin, request, profile)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if request.POST.get("start") == "import":
            return _import(admin, request, profile)
        head, rows = (
            HeadForm(request.POST, is_new=False, prefix="head"),
            Columns(request.POST, prefix="column"),
        )
        descriptor = described(head, rows, profile.name)
        if descriptor is not None:
            titles = (head.cleaned_data["title_en"], head.cleaned_data["title_fr"])
            return HttpResponseRedirect(admin_page(save(admin, request, profile, descriptor, titles)))
        return page(admin, request, profile, head, rows, status=400)
    initial = HeadForm.initial_of(profile.descriptor, profile.title_en, profile.title_fr)
    head = HeadForm(initial=initial, is_new=False, prefix="head")
    return page(admin, request, profile, head, columns_of(profile.descriptor))


def rules(admin: StaffAdmin, request: HttpRequest, profile: Profile) -> HttpResponseBase:
    """The settings of every rule, and what is saved of them."""
    may_change = is_editable(admin, request, profile)
    status = 200
    forms = rule_forms(profile.descriptor)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        forms = rule_forms(profile.descriptor, request.POST)
        descriptor = _ruled(request, profile, forms)
        if descriptor is not None:
            saved = save(admin, request, profile, descriptor, (profile.title_en, profile.title_fr))
            return HttpResponseRedirect(reverse("admin:validations_profile_rules", args=[saved.pk]))
        status = 400
    context = {
        **frame(admin, request, profile, "rules"),
        "billing": [form for form in forms if form.rule is not None],
        "table": [form for form in forms if form.rule is None],
        "may_change": may_change,
        "problem_text": problem_text(sum(len(form.errors) for form in forms if form.is_bound)),
    }
    return render(request, "admin/validations/profile/rules.html", context, status=status)


def versions(admin: StaffAdmin, request: HttpRequest, profile: Profile) -> HttpResponseBase:
    """All versions of the name, the newest first."""
    same = Profile.objects.filter(organization=profile.organization, name=profile.name)
    found = list(same.order_by("-version"))
    # Beside each one, how much changed with it.
    before: list[Profile | None] = [*found[1:], None]
    pairs = zip(found, before, strict=True)
    listed = [(one, len(changes(old.descriptor, one.descriptor)) if old else None) for one, old in pairs]
    context = {**frame(admin, request, profile, "versions"), "versions": listed}
    return render(request, "admin/validations/profile/versions.html", context)


def compare(admin: StaffAdmin, request: HttpRequest, profile: Profile) -> HttpResponseBase:
    """What changed from one version to another; by default to this one from the one before."""
    same = Profile.objects.filter(organization=profile.organization, name=profile.name).order_by("-version")
    found = {str(one.version): one for one in same}
    new = found.get(request.GET.get("to", ""), profile)
    old = found.get(request.GET.get("from", ""), found.get(str(new.version - 1)))
    differences = changes(old.descriptor, new.descriptor) if old else []
    context = {
        **frame(admin, request, profile, "versions"),
        "old": old,
        "new": new,
        "differences": differences,
        "numbers": list(found),
    }
    return render(request, "admin/validations/profile/compare.html", context)


def export(admin: StaffAdmin, request: HttpRequest, profile: Profile) -> HttpResponseBase:
    """The version as a JSON Table Schema to keep or to take elsewhere."""
    text = json.dumps(profile.descriptor, ensure_ascii=False, indent=2) + "\n"
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    name = f"{profile.name}-v{profile.version}.json"
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=name) or ""
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def is_editable(admin: StaffAdmin, request: HttpRequest, profile: Profile) -> bool:
    """Whether the person may save a new version from this one: the newest of an organization's own."""
    return admin.has_change_permission(request, profile) and newest_of(profile).pk == profile.pk


def described(head: HeadForm, rows: ColumnRows, name: str = "") -> dict[str, Any] | None:
    """The descriptor of valid forms; None after what is wrong was put beside the fields."""
    if not all([head.is_valid(), rows.is_valid()]):
        return None
    kept = kept_rows(rows)
    descriptor = head.descriptor(name or head.cleaned_data["name"], [row.entry() for row in kept])
    try:
        EngineProfile.from_descriptor(descriptor)
    except ProfileError as error:
        tell(error, head, kept)
        return None
    return descriptor


def save(
    admin: StaffAdmin,
    request: HttpRequest,
    profile: Profile,
    descriptor: dict[str, Any],
    titles: tuple[str, str],
) -> Profile:
    """The profile as its next version; the same one where nothing changed."""
    if descriptor == profile.descriptor and titles == (profile.title_en, profile.title_fr):
        messages.info(request, _("Nothing was changed."))
        return profile
    new = Profile(
        organization=profile.organization,
        name=profile.name,
        title_en=titles[0],
        title_fr=titles[1],
        version=profile.version + 1,
        descriptor=descriptor,
    )
    try:
        with transaction.atomic():
            new.save(force_insert=True)
            admin.log_change(request, new, f"version {new.version}")
    except IntegrityError:
        messages.error(
            request, _("Somebody else saved a version meanwhile. Look at it, then change it again.")
        )
        return newest_of(profile)
    messages.success(
        request, _("Version %(version)d is saved. Runs from now on use it.") % {"version": new.version}
    )
    return new


def page(
    admin: StaffAdmin,
    request: HttpRequest,
    profile: Profile,
    head: HeadForm,
    rows: ColumnRows,
    *,
    status: int = 200,
    notice: str = "",
) -> HttpResponse:
    """The page of the columns."""
    context = {
        **frame(admin, request, profile, "columns"),
        "head": head,
        "columns": rows,
        "may_change": is_editable(admin, request, profile),
        "notice": notice,
        "problem_text": form_problems(head, rows),
    }
    return render(request, "admin/validations/profile/columns.html", context, status=status)


def frame(admin: StaffAdmin, request: HttpRequest, profile: Profile, tab: str) -> dict[str, Any]:
    """What every page of a profile shows."""
    newest = newest_of(profile)
    return {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": profile.title,
        "profile": profile,
        "newest": newest if newest.pk != profile.pk else None,
        "tab": tab,
        "may_add": admin.has_add_permission(request),
    }


def form_problems(head: HeadForm, rows: ColumnRows) -> str:
    """How many fields have a problem, in words; empty for forms that were not sent."""
    if not head.is_bound:
        return ""
    return problem_text(len(head.errors) + sum(len(form.errors) for form in rows.forms))


def problem_text(count: int) -> str:
    """So many fields have a problem, in words."""
    if not count:
        return ""
    return ngettext("%(count)s field has a problem.", "%(count)s fields have a problem.", count) % {
        "count": count
    }


def _ruled(request: HttpRequest, profile: Profile, forms: list[RuleForm]) -> dict[str, Any] | None:
    if not all([form.is_valid() for form in forms]):  # noqa: C419 -- each one is looked at, for its errors
        return None
    try:
        return with_rules(profile.descriptor, forms)
    except ProfileError as error:
        messages.error(request, f"{error.path}: {error.problem.to(reader_language())}")
        return None


def _import(admin: StaffAdmin, request: HttpRequest, profile: Profile) -> HttpResponseBase:
    """The form with what a Table Schema file says, to be looked at before it is saved."""
    try:
        descriptor = read_schema(request.FILES.get("schema"), name=profile.name)
    except ImportedFileError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(admin_page(profile))
    merged = {
        key: profile.descriptor[key] for key in ("rules", "tables") if key in profile.descriptor
    } | descriptor
    head = HeadForm(initial=HeadForm.initial_of(merged), is_new=False, prefix="head")
    notice = _("This is what the file says. Nothing is saved yet.")
    return page(admin, request, profile, head, columns_of(merged), notice=notice)
