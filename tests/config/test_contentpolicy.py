"""The second wall against scripts in cells and names."""

import re

import pytest
from django.test import Client

from config.contentpolicy import HEADER
from organizations.models import Organization, User
from tests.conftest import signed_in


def script_sources(client: Client, address: str) -> list[str]:
    policy = client.get(address).headers[HEADER]
    found = re.search(r"script-src ([^;]+)", policy)
    assert found
    return found[1].split()


@pytest.mark.parametrize(
    "address", ["/", "/sign-in/", "/notices/", "/o/erables/upload/", "/nowhere/", "/api/docs"]
)
def test_b07_no_page_of_the_site_runs_a_script_that_stands_in_it(
    member_client: Client, organization: Organization, address: str
) -> None:
    assert script_sources(member_client, address) == ["'self'"]


@pytest.mark.parametrize(
    "address", ["/sign-in/", "/o/erables/", "/o/erables/upload/", "/notices/", "/preferences/"]
)
def test_b07_no_page_of_the_site_needs_a_script_that_stands_in_it(
    member_client: Client, organization: Organization, address: str
) -> None:
    page = member_client.get(address, follow=True).content.decode()
    assert [tag for tag in re.findall(r"<script[^>]*>", page) if "src=" not in tag] == []
    assert re.findall(r"<[^>]+\son\w+=", page) == []


def test_b07_the_admin_loads_scripts_from_this_site_alone(db: None, superuser: User) -> None:
    sources = script_sources(signed_in(superuser), "/admin/")
    assert sources[0] == "'self'"
    assert not [source for source in sources if "." in source or source in ("*", "https:", "http:")]
