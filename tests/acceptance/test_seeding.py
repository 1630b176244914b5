"""A thousand organizations get their roles: by a real worker, and in the caller where there is no Redis."""

import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F

from jobs.models import Attempt, Job, JobStatus
from organizations.models import Organization, Role
from organizations.roles import TEMPLATES, RoleKey
from tests.support.processes import ROOT, Site, free_port

pytestmark = pytest.mark.acceptance

MANY = 1000


def seed(site: Site, *options: str, redis_url: str = "") -> str:
    """What the command says on that site."""
    environment = site.environment() | ({"REDIS_URL": redis_url} if redis_url else {})
    command = [sys.executable, str(ROOT / "manage.py"), "seed_roles", *options]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stdout


def roles() -> Counter[str]:
    return Counter(Role.unscoped.values_list("key", flat=True))


def test_a_thousand_organizations_are_seeded_queued_and_direct_twice_and_restored(site: Site) -> None:
    Organization.objects.bulk_create(
        Organization(name=f"Clinic {number}", slug=f"clinic-{number}") for number in range(MANY)
    )
    everything = Counter(dict.fromkeys(TEMPLATES, MANY))

    assert f"{MANY} queued, 0 direct" in seed(site, "--all")
    site.burst("roles")
    assert roles() == everything
    assert Job.objects.filter(status=JobStatus.SUCCEEDED).count() == MANY
    longest = Attempt.objects.annotate(took=F("ended_at") - F("started_at")).order_by("-took")[0]
    assert longest.took is not None
    assert longest.took < timedelta(seconds=30)

    # A second time, where there is no Redis: in the caller, and nothing changes.
    before = list(Role.unscoped.order_by("pk").values())
    away = f"redis://127.0.0.1:{free_port()}/0"
    assert f"0 queued, {MANY} direct" in seed(site, "--all", redis_url=away)
    assert list(Role.unscoped.order_by("pk").values()) == before

    # What organizations changed stays, until somebody restores it.
    Role.unscoped.filter(key=RoleKey.VIEWER).update(permissions=[])
    seed(site, "--all", redis_url=away)
    assert Role.unscoped.filter(key=RoleKey.VIEWER, permissions=[]).count() == MANY
    seed(site, "--all", "--force", redis_url=away)
    viewer = sorted(TEMPLATES[RoleKey.VIEWER].permissions)
    assert all(role.permissions == viewer for role in Role.unscoped.filter(key=RoleKey.VIEWER))
