"""The way into the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import User
from tests.conftest import signed_in
from tests.support.staff import staff_client


@pytest.mark.django_db
def test_the_admin_uses_the_sign_in_page_of_the_site_and_leads_back() -> None:
    response = Client().get("/admin/jobs/job/", follow=True)
    assert response.redirect_chain[-1][0] == f"{reverse('account_login')}?next=%2Fadmin%2Fjobs%2Fjob%2F"
    assert response.status_code == 200


def test_people_who_are_no_staff_are_refused_and_not_sent_in_circles(member: User) -> None:
    client = signed_in(member)
    assert client.get(reverse("admin:index")).status_code == 403
    assert client.get(reverse("admin:login")).status_code == 403


@pytest.mark.django_db
def test_nobody_signs_in_by_a_post_to_the_admin() -> None:
    response = Client().post(reverse("admin:login"), {"username": "a@example.com", "password": "x"})
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.django_db
def test_every_admin_page_leads_back_to_the_site() -> None:
    assert '<a href="/"' in staff_client().get(reverse("admin:index")).content.decode()


@pytest.mark.django_db
def test_the_language_switch_keeps_the_page() -> None:
    client = staff_client("jobs.view_job")
    address = reverse("admin:jobs_job_changelist") + "?status__exact=failed"
    assert 'value="/admin/jobs/job/?status__exact=failed"' in client.get(address).content.decode()
    response = client.post(reverse("organizations:language"), {"language": "fr", "next": address})
    assert response["Location"] == address
    assert '<html lang="fr"' in client.get(address).content.decode()


@pytest.mark.django_db
def test_signing_out_of_the_admin_leads_to_the_sign_in_page() -> None:
    client = staff_client()
    assert client.post(reverse("admin:logout"))["Location"] == reverse("account_login")
    assert "_auth_user_id" not in client.session
