"""The audit trail: who did what to which jobs, queues and schedules, from where, and why; refused tries too.

Call `record` inside the transaction of the act itself, so that the line and the act stand or fall together.
"""

import ipaddress
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from jobs.models import ActionKind, AuditEntry

logger = logging.getLogger(__name__)

# Where the request of this moment came from, for acts whose function is told the person alone.
_came_from: ContextVar[str | None] = ContextVar("audit_came_from", default=None)


@contextmanager
def coming_from(request: HttpRequest) -> Iterator[None]:
    """A block whose lines say where the request came from, whoever writes them."""
    token = _came_from.set(address_of(request))
    try:
        yield
    finally:
        _came_from.reset(token)


# Who acts: a request tells the person and the address, a person alone acts from a worker, None is the site itself.
Actor = HttpRequest | AbstractBaseUser | AnonymousUser | None


def record(
    actor: Actor,
    action: str,
    target_kind: str,
    target: object = "",
    *,
    tenant_id: int | None = None,
    count: int = 1,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """The line of the trail, written in the caller's transaction.

    `target_kind` is "job", "queue", "run", "member", "role", "key", "person" and so on, `target` its id or name.
    `details` hold filters, times and former values, never an argument of a job.
    """
    person = person_of(actor)
    return AuditEntry.objects.create(
        by_id=person.pk if person else None,
        by_name=person.get_username()[:254] if person else "",
        address=address_of(actor),
        action=ActionKind(action),
        target_kind=target_kind,
        target=_clean(target)[:150],
        tenant_id=tenant_id,
        count=count,
        reason=_clean(reason)[:200],
        details=dict(details or {}),
    )


def refuse(request: HttpRequest, action: str, target_kind: str, target: object = "") -> NoReturn:
    """Answer 403, and keep that it was tried; call it outside of any transaction, which would take the line back.

    Raises: PermissionDenied, always.
    """
    record(request, ActionKind.REFUSED, target_kind, target, details={"action": _clean(action)[:50]})
    logger.warning(
        "An operator's action was refused.", extra={"action": "refused", "user_id": request.user.pk}
    )
    raise PermissionDenied


def person_of(actor: Actor) -> AbstractBaseUser | None:
    """The person behind a request, or the person; None for nobody who is signed in."""
    person = getattr(actor, "user", None) if isinstance(actor, HttpRequest) else actor
    return person if isinstance(person, AbstractBaseUser) else None


def _clean(text: object) -> str:
    """The text without NUL, which no database keeps: a try that a client made up leaves its line all the same."""
    return str(text).replace("\x00", "")


def address_of(actor: Actor) -> str | None:
    """Where the request came from; None for a unix socket, and in a worker."""
    if not isinstance(actor, HttpRequest):
        return _came_from.get()
    try:
        return str(ipaddress.ip_address(actor.META.get("REMOTE_ADDR", "")))
    except ValueError:
        # A unix socket has no address.
        return None
