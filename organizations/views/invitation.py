"""The page on which somebody answers an invitation."""

from django.contrib import messages
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from organizations import invitations
from organizations.forms import JoinForm
from organizations.invitations import InvitationRefusedError
from organizations.models import Invitation, User


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: with the account of its address, or with a new one.

    Whatever is wrong with a link, the page says the same and no more.
    """
    found = invitations.find(token)
    if found is None:
        return render(request, "organizations/invitation_gone.html", status=404)
    account = User.objects.filter(email=found.email).first()
    if account is None:
        return _join(request, found)
    if request.user != account:
        if request.method == "POST":
            logout(request)
        return _page(request, found, None, needs_sign_in=True)
    if request.method == "POST":
        return _accepted(request, found, account)
    return _page(request, found, None)


def _join(request: HttpRequest, found: Invitation) -> HttpResponse:
    """A new account for the invited address."""
    form = JoinForm(found.email, request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, found, form)
    with transaction.atomic():
        user = User.objects.create_user(
            found.email, form.cleaned_data["password1"], full_name=form.cleaned_data["full_name"]
        )
        response = _accepted(request, found, user)
    login(request, user, backend="organizations.backends.EmailBackend")
    return response


def _accepted(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    try:
        invitations.accept(found, user)
    except InvitationRefusedError:
        return render(request, "organizations/invitation_gone.html", status=404)
    messages.success(request, _("Welcome to %(name)s.") % {"name": found.organization.name})
    return redirect("organizations:home")


def _page(
    request: HttpRequest, found: Invitation, form: JoinForm | None, *, needs_sign_in: bool = False
) -> HttpResponse:
    context = {"invitation": found, "form": form, "needs_sign_in": needs_sign_in}
    status = 422 if form is not None and form.errors else 200
    return render(request, "organizations/invitation.html", context, status=status)
