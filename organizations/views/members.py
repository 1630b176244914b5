"""The page of an organization's people: who belongs to it, who is invited, and with which role."""

import uuid
from collections.abc import Callable

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from organizations import invitations, members, rolebook
from organizations.access import enter_organization
from organizations.forms import InvitationForm
from organizations.invitations import InvitationRefusedError
from organizations.members import MemberRefusedError
from organizations.models import Invitation, Membership, Organization
from organizations.roles import Permission

# Beyond these a member is found by the search.
SHOWN = 200


@login_required
@require_http_methods(["GET", "POST"])
def member_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody of the organization; a POST invites somebody."""
    is_new = request.method == "POST"
    wanted = Permission.CHANGE_MEMBERS if is_new else Permission.VIEW_MEMBERS
    organization = enter_organization(request, slug, wanted)
    choices = _choices(request, organization)
    form = InvitationForm(choices, request.POST if is_new else None)
    if is_new and form.is_valid():
        chosen = form.cleaned_data
        try:
            invitations.invite(
                organization=organization, email=chosen["email"], role=chosen["role"], by=request
            )
        except InvitationRefusedError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(email)s is invited.") % {"email": chosen["email"]})
            return redirect("organization:members", slug)
    titles = {line.key: line.title for line in rolebook.lines(organization)}
    rows = _rows(organization, request.GET.get("q", ""))
    context = {
        "section": "members",
        "form": form,
        "choices": choices,
        "search": request.GET.get("q", ""),
        "rows": [(row, titles.get(row.role, row.role)) for row in rows],
        "pending": [
            (row, titles.get(row.role, row.role)) for row in invitations.pending(organization)[:SHOWN]
        ],
    }
    return render(request, "organizations/members.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def member_change(request: HttpRequest, slug: str, member_id: int) -> HttpResponse:
    """Give a member another role."""
    membership = _membership(enter_organization(request, slug, Permission.CHANGE_MEMBERS), member_id)
    return _told(
        request,
        slug,
        lambda: members.change_role(membership, request.POST.get("role", ""), by=request),
        _("%(name)s has another role now.") % {"name": membership.user.get_full_name()},
    )


@login_required
@require_POST
def member_remove(request: HttpRequest, slug: str, member_id: int) -> HttpResponse:
    """Take a member out of the organization."""
    membership = _membership(enter_organization(request, slug, Permission.CHANGE_MEMBERS), member_id)
    name = membership.user.get_full_name()
    return _told(
        request,
        slug,
        lambda: members.remove(membership, by=request),
        _("%(name)s belongs to the organization no more.") % {"name": name},
    )


@login_required
@require_POST
def invitation_again(request: HttpRequest, slug: str, invitation_id: uuid.UUID) -> HttpResponse:
    """Send the letter of an invitation once more."""
    invitation = _invitation(enter_organization(request, slug, Permission.CHANGE_MEMBERS), invitation_id)
    done = _("The letter to %(email)s is sent again.") % {"email": invitation.email}
    return _told(request, slug, lambda: invitations.send_again(invitation, by=request), done)


@login_required
@require_POST
def invitation_revoke(request: HttpRequest, slug: str, invitation_id: uuid.UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation = _invitation(enter_organization(request, slug, Permission.CHANGE_MEMBERS), invitation_id)
    done = _("The invitation of %(email)s is taken back.") % {"email": invitation.email}
    return _told(request, slug, lambda: invitations.revoke(invitation, by=request), done)


def _rows(organization: Organization, search: str) -> list[Membership]:
    factors = Authenticator.objects.filter(user=OuterRef("user")).exclude(type="recovery_codes")
    rows = Membership.objects.for_organization(organization).select_related("user")
    if text := search.replace("\0", "").strip()[:100]:
        rows = rows.filter(user__email__icontains=text) | rows.filter(user__full_name__icontains=text)
    return list(rows.annotate(has_factor=Exists(factors)).order_by("user__full_name", "user__email")[:SHOWN])


def _choices(request: HttpRequest, organization: Organization) -> list[tuple[str, str]]:
    """The roles that the person can give."""
    allowed = request.user.get_all_permissions(organization)
    return [(line.key, line.title) for line in rolebook.lines(organization) if line.permissions <= allowed]


def _membership(organization: Organization, member_id: int) -> Membership:
    rows = Membership.objects.for_organization(organization).select_related("user", "organization")
    # No database has a larger number.
    found: Membership = get_object_or_404(rows, pk=min(member_id, 2**63 - 1))
    return found


def _invitation(organization: Organization, invitation_id: uuid.UUID) -> Invitation:
    found: Invitation = get_object_or_404(invitations.pending(organization), pk=invitation_id)
    return found


def _told(request: HttpRequest, slug: str, act: Callable[[], None], done: str) -> HttpResponse:
    try:
        act()
    except (MemberRefusedError, InvitationRefusedError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("organization:members", slug)
