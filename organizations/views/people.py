"""Pages of people: the way home, and what they decide about themselves."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from organizations.access import memberships_of
from organizations.forms import PreferencesForm
from organizations.models import User

# One year: a choice of language is asked once.
_COOKIE_SECONDS = 365 * 24 * 3600


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The runs of the person's organization, or a page for people without one."""
    memberships = memberships_of(request.user)
    last = request.session.get("organization")
    membership = (
        memberships.filter(organization__slug=last).first() or memberships.order_by("created_at").first()
    )
    if membership is None:
        return render(request, "organizations/no_organization.html")
    return redirect("validations:run-list", slug=membership.organization.slug)


@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Name, language and time zone."""
    person = get_object_or_404(User, email=request.user.get_username())
    form = PreferencesForm(request.POST or None, instance=person)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.errors else 200
        return render(request, "organizations/preferences.html", {"form": form}, status=status)
    form.save()
    with translation.override(person.language or translation.get_language()):
        messages.success(request, _("Your preferences are saved."))
    return redirect("organizations:preferences")


@require_POST
def change_language(request: HttpRequest) -> HttpResponseBase:
    """The page the person came from, in the language chosen; kept for the person and for this browser."""
    response = HttpResponseRedirect(_safe_next(request))
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        return response
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(language=language)
    cookie: dict[str, Any] = {"samesite": "Lax", "secure": settings.SESSION_COOKIE_SECURE, "httponly": True}
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=_COOKIE_SECONDS, **cookie)
    return response


def _safe_next(request: HttpRequest) -> str:
    """The address to go on to, which never leaves this site."""
    address = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(address, allowed_hosts=None, require_https=request.is_secure()):
        return address
    return resolve_url(settings.LOGIN_REDIRECT_URL)
