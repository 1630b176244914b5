"""Settings verified at start-up: a site that others can reach refuses to start in an unsafe state.

A site is public when a name that is not this machine's own may be asked for it. On a laptop nothing is
refused. Every refusal can be overridden by its name in SILENCED_SYSTEM_CHECKS, and only so.
"""

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

# Django's own bound for a key that cannot be guessed (security.W009).
SHORTEST_SECRET_KEY = 50
# Of letters and digits at random, these cannot be guessed either.
SHORTEST_TOKEN = 16
# As the triggers of jobs.migrations.0015 have it.
SHORTEST_AUDIT_DAYS = 90
_NEW_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"


def is_loopback(host: str) -> bool:
    """Whether the name or address can only be reached from this machine."""
    bare = host.strip("[]").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def is_public() -> bool:
    """Whether others than this machine can be served."""
    hosts = [*settings.ALLOWED_HOSTS, urlsplit(settings.SITE_URL).hostname or ""]
    return not all(is_loopback(host) for host in hosts if host)


@register()
def check_secret_key(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """An error for a key that anybody knows or could guess."""
    key = settings.SECRET_KEY
    if not is_public() or (key != settings.INSECURE_SECRET_KEY and len(key) >= SHORTEST_SECRET_KEY):
        return []
    problem = "is not set" if key == settings.INSECURE_SECRET_KEY else "is too short"
    hint = f"Set SECRET_KEY to the output of: {_NEW_KEY}"
    return [Error(f"SECRET_KEY {problem}, and the site is public.", hint=hint, id="bordereau.E001")]


@register()
def check_debug(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """An error for error pages that show source and settings to strangers."""
    if not settings.DEBUG or not is_public():
        return []
    hint = "Set DEBUG=off, or remove it."
    return [Error("DEBUG is on, and the site is public.", hint=hint, id="bordereau.E002")]


@register()
def check_hosts(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """An error for a list of names that refuses everybody or nobody; a warning when it lacks the site's."""
    own = urlsplit(settings.SITE_URL).hostname or ""
    hint = f"Set ALLOWED_HOSTS to the names of this site, such as {own or 'bordereau.example'}."
    if not settings.ALLOWED_HOSTS and not settings.DEBUG:
        return [Error("ALLOWED_HOSTS is empty: nobody would be served.", hint=hint, id="bordereau.E003")]
    if "*" in settings.ALLOWED_HOSTS:
        return [Error("ALLOWED_HOSTS accepts any name.", hint=hint, id="bordereau.E003")]
    if own and not is_loopback(own) and not _accepted(own):
        problem = f"SITE_URL names {own}, which ALLOWED_HOSTS refuses."
        return [checks.Warning(problem, hint=hint, id="bordereau.W001")]
    return []


@register()
def check_https(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """An error for a public site whose passwords and files would travel in the clear."""
    if not is_public() or settings.SITE_URL.startswith("https://"):
        return []
    hint = "Set SITE_URL to the https:// address of the site; behind a proxy also BEHIND_PROXY=on."
    return [Error("The site is public, and SITE_URL is not https.", hint=hint, id="bordereau.E004")]


@register()
def check_redis(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Errors for a Redis on another machine that asks no password, or is spoken to in the clear."""
    url = urlsplit(settings.REDIS_URL)
    if url.scheme == "unix" or is_loopback(url.hostname or ""):
        return []
    found: list[CheckMessage] = []
    if not url.password:
        hint = "Give the server a password (requirepass or an ACL) and set REDIS_URL=rediss://:PASSWORD@HOST:6379/0"
        found.append(Error("REDIS_URL has no password.", hint=hint, id="bordereau.E005"))
    if url.scheme != "rediss":
        hint = "Set REDIS_URL=rediss://... (TLS), or silence this check inside an encrypted network."
        found.append(Error("REDIS_URL reaches another machine in the clear.", hint=hint, id="bordereau.E006"))
    return found


@register()
def check_redis_server(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Errors for the Redis of a public site that may delete queued jobs, or keeps nothing on disk.

    One that is away, or hides its settings, cannot tell; `manage.py doctor` says so.
    """
    if not is_public():
        return []
    # Servers import this file before the models are ready.
    from jobs import redis_state  # noqa: PLC0415

    state = redis_state.look()
    found: list[CheckMessage] = []
    if state.policy not in (None, redis_state.SAFE_POLICY):
        problem = f"Redis deletes queued jobs when it is full: its maxmemory-policy is {state.policy}."
        hint = "Set maxmemory-policy to noeviction in its configuration."
        found.append(Error(problem, hint=hint, id="bordereau.E007"))
    if state.persists is False:
        hint = "Set appendonly to yes in its configuration, or silence this check: no job is lost, only late."
        found.append(Error("Redis keeps nothing on disk.", hint=hint, id="bordereau.E008"))
    return found


@register()
def check_metrics_token(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """A warning for a token that could be guessed."""
    if not settings.METRICS_TOKEN or len(settings.METRICS_TOKEN) >= SHORTEST_TOKEN:
        return []
    hint = "Set METRICS_TOKEN to the output of: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    return [checks.Warning("METRICS_TOKEN is too short.", hint=hint, id="bordereau.W004")]


@register()
def check_second_factor(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """An error for a public site whose staff need a password alone."""
    if not is_public() or settings.STAFF_SECOND_FACTOR:
        return []
    hint = "Leave STAFF_SECOND_FACTOR unset, or set it to on."
    return [Error("Staff of a public site need no second factor.", hint=hint, id="bordereau.E009")]


@register()
def check_audit_trail(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """An error for an audit trail that would be deleted sooner than the database allows."""
    if settings.AUDIT_KEEP_DAYS >= SHORTEST_AUDIT_DAYS:
        return []
    hint = f"Set AUDIT_KEEP_DAYS to {SHORTEST_AUDIT_DAYS} or more."
    return [Error("The audit trail is kept for too short a time.", hint=hint, id="bordereau.E010")]


@register()
def check_mail(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """A warning for a public site whose mail is only written to files."""
    if not is_public() or not settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"):
        return []
    hint = "Set EMAIL_URL, such as smtp+tls://USER:PASSWORD@mail.example:587"
    return [checks.Warning("Mail is written to files and sent to nobody.", hint=hint, id="bordereau.W002")]


@register()
def check_static_files(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """A warning for a site behind https whose style and scripts nobody would get."""
    if settings.WHITENOISE_USE_FINDERS or (settings.STATIC_ROOT / "admin").is_dir():
        return []
    hint = "Run: manage.py collectstatic"
    return [checks.Warning("The static files were not collected.", hint=hint, id="bordereau.W003")]


def refuse_unsafe_settings() -> None:
    """For servers, which run no system checks of their own.

    Raises: ImproperlyConfigured, permanent, naming every error and what to set.
    """
    errors = [found for found in checks.run_checks() if found.is_serious() and not found.is_silenced()]
    if errors:
        lines = [f"{found.id}: {found.msg}" + (f" {found.hint}" if found.hint else "") for found in errors]
        raise ImproperlyConfigured("The site does not start:\n" + "\n".join(lines))


def _accepted(host: str) -> bool:
    """Whether ALLOWED_HOSTS has the name, or a domain that covers it."""
    return any(
        pattern == host or (pattern.startswith(".") and f".{host}".endswith(pattern))
        for pattern in settings.ALLOWED_HOSTS
    )
