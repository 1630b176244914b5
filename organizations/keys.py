"""API keys: issued, revoked, and looked up when a program shows one; pages and the admin come here alike."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from jobs import audit
from jobs.models import ActionKind
from organizations import limits
from organizations.models import ApiKey, Organization, User
from organizations.roles import Permission

# What a key can be for; what it may do is never more than its person may at that moment.
SCOPES: tuple[Permission, ...] = (
    Permission.SEND_FILES,
    Permission.VIEW_RUNS,
    Permission.VIEW_FINDINGS,
    Permission.VIEW_PATIENTS,
    Permission.EXPORT_FINDINGS,
    Permission.VIEW_ROLES,
    Permission.CHANGE_ROLES,
)
# Ticked at first: a program that sends files and reads what is wrong with them.
USUAL_SCOPES = SCOPES[:4]
# Days a key can be good for; 0 is no end.
LIFETIMES = (30, 90, 365, 0)
USUAL_LIFETIME = 365
USE_NOTED_EVERY = timedelta(minutes=1)
PREFIX = "bdx_"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key: its row, and the key itself, which cannot be had again."""

    row: ApiKey
    secret: str


def issue(
    *,
    organization: Organization | None,
    user: User,
    name: str,
    by: HttpRequest | User | None = None,
    scopes: Collection[str] | None = None,
    days: int = 0,
) -> Issued:
    """A new key that acts for the person; `scopes` None is everything they may, `days` 0 is no end."""
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        row: ApiKey = ApiKey.unscoped.create(
            organization=organization,
            user=user,
            name=name,
            prefix=secret[:8],
            digest=digest_of(secret),
            scopes=None if scopes is None else sorted(set(scopes) & set(SCOPES)),
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        audit.record(
            by,
            ActionKind.ISSUE_KEY,
            "key",
            row.prefix,
            tenant_id=row.organization_id,
            details={"name": name, "for": user.get_username(), "scopes": row.scopes, "days": days},
        )
    return Issued(row, secret)


def revoke(key: ApiKey, *, by: HttpRequest | User | None) -> bool:
    """Whether the key opened anything until now; it never does again."""
    with transaction.atomic():
        rows = ApiKey.unscoped.filter(pk=key.pk, revoked_at=None)
        if not rows.update(revoked_at=timezone.now()):
            return False
        audit.record(by, ActionKind.REVOKE_KEY, "key", key.prefix, tenant_id=key.organization_id)
    return True


def find(secret: str) -> ApiKey | None:
    """The key, or None for one that does not exist, was revoked, is over, or whose person is no longer active.

    It is found by its SHA-256, which is enough for 256 random bits; how long the search takes tells nothing about how
    much of a made-up key is right.
    """
    live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    keys = ApiKey.unscoped.filter(
        live, digest=digest_of(secret), revoked_at=None, user__is_active=True
    ).select_related("organization", "user")
    key: ApiKey | None = keys.first()
    return key


def use(request: HttpRequest, key: ApiKey) -> None:
    """Let the request act for the key's person, within the key's scopes.

    Raises: RateLimitedError when the key is used too often.
    """
    limits.check(f"key:{key.pk}", settings.API_REQUESTS_PER_MINUTE)
    _note_use(request, key)
    key.user.scopes = None if key.scopes is None else frozenset(key.scopes)
    request.user = key.user


def check_place(key: ApiKey) -> None:
    """Pass for a key of an organization to which its person still belongs.

    Raises: PermissionDenied, also for a key of the operators.
    """
    if key.organization is None or not key.organization.memberships.filter(user=key.user_id).exists():
        raise PermissionDenied


def digest_of(secret: str) -> str:
    """The stored form of a key."""
    return sha256(secret.encode()).hexdigest()


def state_of(key: ApiKey, now: datetime | None = None) -> str:
    """`active`, `expired` or `revoked`."""
    if key.revoked_at is not None:
        return "revoked"
    is_over = key.expires_at is not None and key.expires_at <= (now or timezone.now())
    return "expired" if is_over else "active"


def _note_use(request: HttpRequest, key: ApiKey) -> None:
    """Write down when and from where, at most once a minute: a program that polls must not write each time."""
    now, address = timezone.now(), audit.address_of(request)
    is_due = key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY
    if is_due or key.last_used_from != address:
        ApiKey.unscoped.filter(pk=key.pk).update(last_used_at=now, last_used_from=address)
