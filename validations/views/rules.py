"""What each rule means and how to fix what it finds."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from validations.querysets import profiles_for
from validations.rulebook import chapters
from validations.views.shared import VIEW, enter


@login_required
@require_GET
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """All rules of one of the organization's profiles, each with an anchor.

    Raises: Http404 when the organization has no profile of the name.
    """
    organization = enter(request, slug, VIEW)
    profiles = {profile.name: profile for profile in profiles_for(organization)}
    name = request.GET.get("profile", settings.DEFAULT_PROFILE)
    if name not in profiles:
        raise Http404
    profile = profiles[name]
    context = {
        "organization": organization,
        "nav": "rules",
        "profile": profile,
        "profiles": [(name, one.title) for name, one in profiles.items()],
        "chapters": chapters(organization, profile),
    }
    return render(request, "validations/rules.html", context)
