"""A new profile of an organization: from a sample file, a Table Schema, another profile, or from nothing."""

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from jobs.admin.base import StaffAdmin, admin_page
from validations.admin.profileforms import ColumnRows, Columns, HeadForm, columns_of
from validations.admin.profileimport import ImportedFileError, read_sample, read_schema
from validations.admin.profilepages import described, form_problems
from validations.engine.propose import Proposal
from validations.models import Profile

SELF = "admin:validations_profile_add"


def show(admin: StaffAdmin, request: HttpRequest) -> HttpResponseBase:
    """The ways to begin, then the form, then the saved profile."""
    if request.method == "POST":
        start = request.POST.get("start", "")
        return _save(admin, request) if start == "save" else _begin(admin, request, start)
    source = request.GET.get("from", "")
    if source.isdecimal() and len(source) <= 18:
        profile = Profile.objects.filter(pk=int(source)).first()
        if profile is not None:
            initial = HeadForm.initial_of(profile.descriptor, profile.title_en, profile.title_fr)
            return _form(admin, request, _head(initial), columns_of(profile.descriptor))
    if source == "nothing":
        return _form(admin, request, _head({}), columns_of({}))
    shipped = Profile.objects.filter(organization=None).order_by("name", "-version")
    newest = {profile.name: profile for profile in reversed(shipped)}
    context = {**_frame(admin, request), "profiles": sorted(newest.values(), key=lambda one: one.title)}
    return render(request, "admin/validations/profile/begin.html", context)


def _begin(admin: StaffAdmin, request: HttpRequest, start: str) -> HttpResponseBase:
    """The form with what the uploaded file says."""
    try:
        if start == "sample":
            proposal = read_sample(request.FILES.get("sample"))
            head = _head(HeadForm.initial_of(proposal.descriptor))
            return _form(admin, request, head, columns_of(proposal.descriptor), proposal=proposal)
        descriptor = read_schema(request.FILES.get("schema"), name="")
    except ImportedFileError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse(SELF))
    return _form(admin, request, _head(HeadForm.initial_of(descriptor)), columns_of(descriptor))


def _save(admin: StaffAdmin, request: HttpRequest) -> HttpResponseBase:
    head, rows = HeadForm(request.POST, is_new=True, prefix="head"), Columns(request.POST, prefix="column")
    descriptor = described(head, rows)
    if descriptor is None:
        return _form(admin, request, head, rows, status=400)
    values = head.cleaned_data
    profile = Profile(
        organization=values["organization"],
        name=values["name"],
        title_en=values["title_en"],
        title_fr=values["title_fr"],
        descriptor=descriptor,
    )
    try:
        with transaction.atomic():
            profile.save(force_insert=True)
            admin.log_addition(request, profile, "version 1")
    except IntegrityError:
        head.add_error("name", _("This organization has a profile of this name. Change that one."))
        return _form(admin, request, head, rows, status=400)
    messages.success(request, _("The profile is saved. Files of this organization can be checked by it."))
    return HttpResponseRedirect(admin_page(profile))


def _form(
    admin: StaffAdmin,
    request: HttpRequest,
    head: HeadForm,
    rows: ColumnRows,
    *,
    status: int = 200,
    proposal: Proposal | None = None,
) -> HttpResponse:
    context = {
        **_frame(admin, request),
        "head": head,
        "columns": rows,
        "may_change": True,
        "proposal": proposal,
        "problem_text": form_problems(head, rows),
    }
    return render(request, "admin/validations/profile/add.html", context, status=status)


def _head(initial: dict[str, Any]) -> HeadForm:
    return HeadForm(initial=initial, is_new=True, prefix="head")


def _frame(admin: StaffAdmin, request: HttpRequest) -> dict[str, Any]:
    return {**admin.admin_site.each_context(request), "opts": admin.opts, "title": _("New profile")}
