"""The page of an organization's API keys."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from organizations import keys
from organizations.access import enter_organization
from organizations.forms import KeyForm
from organizations.models import ApiKey, User
from organizations.roles import Permission


@login_required
@require_http_methods(["GET", "POST"])
def key_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Every key of the organization; a POST issues one for the person who asks, and shows it this once."""
    is_new = request.method == "POST"
    organization = enter_organization(
        request, slug, Permission.CHANGE_KEYS if is_new else Permission.VIEW_KEYS
    )
    form = KeyForm(request.POST if is_new else None)
    issued = None
    if is_new and form.is_valid() and isinstance(request.user, User):
        chosen = form.cleaned_data
        issued = keys.issue(
            organization=organization,
            user=request.user,
            name=chosen["name"],
            by=request,
            scopes=chosen["scopes"],
            days=chosen["days"],
        )
        form = KeyForm()
    rows = ApiKey.objects.for_organization(organization).select_related("user").order_by("-created_at")
    context = {
        "section": "keys",
        "issued": issued,
        "form": form,
        "rows": [(key, keys.state_of(key), _scopes(key)) for key in rows],
    }
    return render(request, "organizations/keys.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def key_revoke(request: HttpRequest, slug: str, key_id: int) -> HttpResponse:
    """End a key at once.

    Raises: Http404 when the organization has none of that number.
    """
    organization = enter_organization(request, slug, Permission.CHANGE_KEYS)
    if key_id > 2**63 - 1:
        raise Http404
    key = get_object_or_404(ApiKey.objects.for_organization(organization), pk=key_id)
    if keys.revoke(key, by=request):
        messages.success(request, _("The key “%(key)s” opens nothing any more.") % {"key": key.name})
    return redirect("organization:keys", slug)


def _scopes(key: ApiKey) -> list[str]:
    """What the key is for, in words; nothing for one that may what its person may."""
    return [str(one.label) for one in keys.SCOPES if one.value in (key.scopes or ())]
