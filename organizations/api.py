"""The JSON API of an organization itself; documented at /api/docs."""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from ninja import Field, Router, Status
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from jobs.api.bodies import CamelSchema, ErrorBody
from jobs.models import Job
from organizations import rolebook, seeding, seedjobs
from organizations.access import memberships_of
from organizations.models import Organization
from organizations.roles import TEMPLATES_VERSION, Permission

router = Router(tags=["organizations"], by_alias=True)


class RoleBody(CamelSchema):
    """One role of the organization."""

    key: str
    title: str
    state: str = Field(description="template, changed, own, or waiting: it is being made")
    permissions: list[str]
    members: int


class RolesBody(CamelSchema):
    """Every role of the organization."""

    templates_version: int
    roles: list[RoleBody]


class ChangeBody(CamelSchema):
    """What seeding would do to one role."""

    key: str
    what: str = Field(description="create, update, restore, or keep: the organization has changed it")
    added: list[str]
    removed: list[str]


class SeedIn(CamelSchema):
    """How far to go."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    force: bool = Field(default=False, description="restore roles that were changed, too")


class SeedingBody(CamelSchema):
    """The newest job that seeds the organization's roles."""

    job_id: UUID
    status: str
    percent: int
    mode: str | None = Field(description="queued or direct, once it has run")
    finished_at: datetime | None


@router.get(
    "/{slug}/roles",
    response={200: RolesBody, 403: ErrorBody, 404: ErrorBody},
    summary="What each role may do",
)
def list_roles(request: HttpRequest, slug: str) -> RolesBody:
    """The roles of the organization, the templates' first."""
    organization = _enter(request, slug, Permission.VIEW_ROLES)
    roles = [
        RoleBody(
            key=line.key,
            title=line.title,
            state=line.state,
            permissions=sorted(line.permissions),
            members=line.members,
        )
        for line in rolebook.lines(organization)
    ]
    return RolesBody(templates_version=TEMPLATES_VERSION, roles=roles)


@router.get(
    "/{slug}/roles/preview",
    response={200: list[ChangeBody], 403: ErrorBody, 404: ErrorBody},
    summary="What seeding would change",
)
def preview_seeding(request: HttpRequest, slug: str, *, force: bool = False) -> list[ChangeBody]:
    """The roles that seeding would make, bring up to date or restore, and those that it would leave as they are."""
    organization = _enter(request, slug, Permission.VIEW_ROLES)
    return [
        ChangeBody(
            key=change.template.key,
            what=change.what,
            added=sorted(change.added),
            removed=sorted(change.removed),
        )
        for change in seeding.preview(organization, force=force)
    ]


@router.post(
    "/{slug}/roles/seeding",
    response={202: SeedingBody, 403: ErrorBody, 404: ErrorBody},
    summary="Bring the roles up to the templates",
)
def start_seeding(request: HttpRequest, slug: str, body: SeedIn) -> Status[SeedingBody]:
    """Asks for a job, or gives the one that is still under way."""
    organization = _enter(request, slug, Permission.CHANGE_ROLES)
    job = seedjobs.request_seeding(organization, force=body.force, by_id=request.user.pk)
    job.refresh_from_db()
    return Status(202, _seeding_body(job))


@router.get(
    "/{slug}/roles/seeding",
    response={200: SeedingBody, 403: ErrorBody, 404: ErrorBody},
    summary="How far seeding is",
)
def get_seeding(request: HttpRequest, slug: str) -> SeedingBody:
    """The newest seeding of the organization's roles."""
    job = seedjobs.seeding_of(_enter(request, slug, Permission.VIEW_ROLES))
    if job is None:
        raise Http404
    return _seeding_body(job)


def _enter(request: HttpRequest, slug: str, permission: str) -> Organization:
    """The organization of the address.

    Raises: Http404 for outsiders, and for a key of another organization; PermissionDenied for members whose role
    lacks the permission.
    """
    own: Organization | None = getattr(request, "organization", None)
    if own is None:
        membership = memberships_of(request.user).filter(organization__slug=slug).first()
        own = membership.organization if membership else None
    if own is None or own.slug != slug:
        raise Http404
    if not request.user.has_perm(permission, own):
        raise PermissionDenied
    return own


def _seeding_body(job: Job) -> SeedingBody:
    return SeedingBody(
        job_id=job.pk,
        status=job.status,
        percent=100 if job.is_final else 0,
        mode=(job.result or {}).get("mode"),
        finished_at=job.finished_at,
    )
