"""Who may read what: every question about notices ends at the border of the reader's organizations."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from notifications.models import Notification
from organizations.backends import EmailBackend, members_with, organizations_where
from organizations.models import User
from organizations.roles import Permission

VIEW = Permission.VIEW_NOTICES
# Whose staff look after the jobs is told when something is wrong with them.
VIEW_ALERTS = "jobs.view_alert"


def readers(organization_id: int | None, user_ids: Collection[int]) -> QuerySet[User]:
    """Those of the people who are members of the organization now, with the right to read its notices.

    A superuser who is no member gets no news of a customer; news of no organization are for staff.
    """
    if organization_id is None:
        return staff().filter(pk__in=user_ids).order_by("pk")
    people = User.objects.filter(pk__in=members_with(organization_id, VIEW, user_ids))
    # Always in one order: two transactions that tell the same people wait for each other and never deadlock.
    return people.order_by("pk")


def staff() -> QuerySet[User]:
    """Those who look after the jobs of this site."""
    people: QuerySet[User] = EmailBackend().with_perm(VIEW_ALERTS)
    return people.filter(is_staff=True)


def may_read(notification: Notification) -> bool:
    """Whether its reader still belongs to the organization, with the right to read its notices."""
    return readers(notification.organization_id, [notification.user_id]).exists()


def inbox(user_id: int) -> QuerySet[Notification]:
    """A person's notices, newest first: of the organizations they belong to now, and of the site for staff."""
    notices: QuerySet[Notification] = Notification.unscoped.filter(
        Q(organization__in=organizations_where(user_id, VIEW)) | _of_site(), user=user_id
    )
    return notices.select_related("organization").order_by("-created_at", "-pk")


def unread(user_id: int) -> QuerySet[Notification]:
    """The notices of the inbox that were not read."""
    return inbox(user_id).filter(read_at=None)


def readable(user_id: int) -> QuerySet[Notification]:
    """The notices of all people in the organizations where the person may read notices, and the person's own."""
    notices: QuerySet[Notification] = Notification.unscoped.filter(
        Q(organization__in=organizations_where(user_id, VIEW)) | Q(_of_site(), user=user_id)
    )
    return notices


def _of_site() -> Q:
    return Q(organization=None, user__is_staff=True, user__is_active=True)
