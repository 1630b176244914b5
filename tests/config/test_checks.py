"""Unsafe settings of a public site are refused by name; a laptop is left alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from config.checks import is_loopback, refuse_unsafe_settings
from jobs import failfast
from tests.support.processes import RedisServer, redis_server

KEY = "k" * 60


@pytest.fixture
def public_site(settings: Any) -> Any:
    """The settings of a site that others can reach, all of them safe."""
    settings.DEBUG = False
    settings.SECRET_KEY = KEY
    settings.ALLOWED_HOSTS = ["bordereau.example"]
    settings.SITE_URL = "https://bordereau.example"
    settings.REDIS_URL = "rediss://:secret@redis.example:6379/0"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.WHITENOISE_USE_FINDERS = True
    settings.STAFF_SECOND_FACTOR = True
    return settings


def _found() -> set[str]:
    return {
        message.id or "" for message in checks.run_checks() if (message.id or "").startswith("bordereau.")
    }


@pytest.mark.usefixtures("public_site")
def test_a_public_site_with_safe_settings_starts() -> None:
    assert _found() == set()
    refuse_unsafe_settings()


def test_a_laptop_starts_with_nothing_set(settings: Any) -> None:
    settings.DEBUG = True
    settings.SECRET_KEY = settings.INSECURE_SECRET_KEY
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    settings.SITE_URL = "http://127.0.0.1:8000"
    assert _found() == set()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY", "insecure-key-for-development-only", "bordereau.E001"),
        ("SECRET_KEY", "short", "bordereau.E001"),
        ("DEBUG", True, "bordereau.E002"),
        ("ALLOWED_HOSTS", [], "bordereau.E003"),
        ("ALLOWED_HOSTS", ["*"], "bordereau.E003"),
        ("SITE_URL", "http://bordereau.example", "bordereau.E004"),
        ("STAFF_SECOND_FACTOR", False, "bordereau.E009"),
        ("AUDIT_KEEP_DAYS", 30, "bordereau.E010"),
        ("REDIS_URL", "rediss://redis.example:6379/0", "bordereau.E005"),
        ("REDIS_URL", "redis://:secret@redis.example:6379/0", "bordereau.E006"),
        ("ALLOWED_HOSTS", ["other.example"], "bordereau.W001"),
        ("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend", "bordereau.W002"),
    ],
)
def test_e08_f06_each_unsafe_setting_is_named(public_site: Any, name: str, value: Any, expected: str) -> None:
    setattr(public_site, name, value)
    assert _found() == {expected}


def test_e08_a_server_refuses_to_start_and_says_what_to_set(public_site: Any) -> None:
    public_site.SECRET_KEY = public_site.INSECURE_SECRET_KEY
    with pytest.raises(ImproperlyConfigured, match=r"bordereau\.E001.*Set SECRET_KEY to the output of"):
        refuse_unsafe_settings()


def test_f06_a_refusal_can_be_overridden_by_its_name(public_site: Any) -> None:
    public_site.REDIS_URL = "redis://:secret@redis.example:6379/0"
    public_site.SILENCED_SYSTEM_CHECKS = ["bordereau.E006"]
    refuse_unsafe_settings()


def test_w003_a_site_behind_https_without_static_files_is_warned_of(public_site: Any, tmp_path: Any) -> None:
    public_site.WHITENOISE_USE_FINDERS = False
    public_site.STATIC_ROOT = tmp_path
    assert _found() == {"bordereau.W003"}


@pytest.mark.usefixtures("public_site")
def test_a_name_below_an_allowed_domain_is_accepted(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".bordereau.example"]
    settings.SITE_URL = "https://billing.bordereau.example"
    assert _found() == set()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_only_this_machine_s_own_names_are_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.fixture
def redis_of_public_site(public_site: Any, tmp_path: Any) -> Iterator[RedisServer]:
    """A Redis on this machine, which needs no password, of a site that others can reach."""
    with redis_server(tmp_path / "redis") as server:
        public_site.REDIS_URL = server.url
        failfast.forget_clients()
        yield server
    failfast.forget_clients()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("maxmemory-policy", "allkeys-lru", "bordereau.E007"),
        ("maxmemory-policy", "volatile-ttl", "bordereau.E007"),
        ("appendonly", "no", "bordereau.E008"),
    ],
)
def test_f06_a_redis_that_deletes_or_keeps_nothing_is_named_and_refused(
    redis_of_public_site: RedisServer, public_site: Any, name: str, value: str, expected: str
) -> None:
    assert _found() == set()
    redis_of_public_site.client.config_set(name, value)
    assert _found() == {expected}
    with pytest.raises(ImproperlyConfigured, match=expected):
        refuse_unsafe_settings()
    public_site.SILENCED_SYSTEM_CHECKS = [expected]
    refuse_unsafe_settings()


def test_f06_snapshots_are_persistence_too(redis_of_public_site: RedisServer) -> None:
    redis_of_public_site.client.config_set("appendonly", "no")
    redis_of_public_site.client.config_set("save", "60 1")
    assert _found() == set()


def test_f06_a_redis_that_is_away_stops_no_start(redis_of_public_site: RedisServer) -> None:
    redis_of_public_site.stop()
    refuse_unsafe_settings()


def test_a_short_token_for_the_metrics_is_warned_of(public_site: Any) -> None:
    public_site.METRICS_TOKEN = "guess-me"
    assert _found() == {"bordereau.W004"}
    public_site.METRICS_TOKEN = "k" * 20
    assert _found() == set()
