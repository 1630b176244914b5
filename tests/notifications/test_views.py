"""The inbox and the bell: what a person sees, and what nobody else does."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications.models import Notification
from organizations.models import Membership, Organization, User
from organizations.roles import RoleKey
from tests.conftest import signed_in
from tests.support.news import FAILED, FINISHED, RUN, told

pytestmark = pytest.mark.django_db

INBOX = "/notices/"


def read_at(notification: Notification) -> Any:
    return Notification.unscoped.get(pk=notification.pk).read_at


def page(client: Client, url: str = INBOX) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_inbox_shows_what_happened_and_where_it_leads(
    organization: Organization, member: User, member_client: Client
) -> None:
    notification = told(organization, member)
    shown = page(member_client)
    assert "facturation_mars.csv: 1,312 errors to fix" in shown
    assert "48,120 rows checked" in shown
    assert f'href="{INBOX}{notification.pk}/"' in shown


def test_an_empty_inbox_says_what_will_appear_there(member_client: Client) -> None:
    assert "No notices yet" in page(member_client)
    assert "You have read everything" in page(member_client, f"{INBOX}?show=unread")


def test_a_failed_run_is_told_with_its_reason(
    organization: Organization, member: User, member_client: Client
) -> None:
    told(organization, member, kind="run_failed", parameters=FAILED)
    assert "The file is empty. Export it again" in page(member_client)


def test_b07_a_hostile_file_name_is_text_in_the_inbox(
    organization: Organization, member: User, member_client: Client
) -> None:
    told(organization, member, parameters=FINISHED | {"file_name": '"><script>alert(1)</script>{{ 7 }}.csv'})
    shown = page(member_client)
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 }}.csv" in shown


def test_the_unread_filter_leaves_out_what_was_read(
    organization: Organization, member: User, member_client: Client
) -> None:
    old, new = told(organization, member, key="run:1"), told(organization, member, key="run:2")
    member_client.post(f"{INBOX}{old.pk}/read/")
    shown = page(member_client, f"{INBOX}?show=unread")
    assert str(new.pk) in shown
    assert str(old.pk) not in shown


@pytest.mark.parametrize("number", ["-1", "0", "x", "1000000000"])
def test_b08_a_page_number_that_does_not_exist_is_clamped(
    number: str, organization: Organization, member: User, member_client: Client
) -> None:
    told(organization, member)
    assert "facturation_mars.csv" in page(member_client, f"{INBOX}?page={number}")


def test_d05_another_organizations_news_is_neither_shown_nor_counted(
    organization: Organization, member: User, outsider_client: Client
) -> None:
    told(organization, member)
    assert "facturation_mars.csv" not in page(outsider_client)
    assert outsider_client.get(f"{INBOX}unread/").json()["unread"] == 0


def test_d07_news_of_an_organization_that_the_person_left_is_gone(
    organization: Organization, member: User, member_client: Client
) -> None:
    notification = told(organization, member)
    Membership.unscoped.filter(user=member).delete()
    assert "facturation_mars.csv" not in page(member_client)
    assert member_client.get(f"{INBOX}unread/").json() == {"unread": 0, "label": "Notices", "newest": None}
    assert member_client.get(f"{INBOX}{notification.pk}/").status_code == 404


def test_d05_news_of_two_organizations_is_counted_together_and_hidden_apart(
    organization: Organization, other_organization: Organization, member: User, member_client: Client
) -> None:
    Membership.unscoped.create(organization=other_organization, user=member, role=RoleKey.VIEWER)
    told(organization, member, key="run:1")
    told(other_organization, member, key="run:2")
    assert member_client.get(f"{INBOX}unread/").json()["unread"] == 2
    Membership.unscoped.filter(user=member, organization=other_organization).delete()
    assert member_client.get(f"{INBOX}unread/").json()["unread"] == 1


@pytest.mark.parametrize("suffix", ["", "read/"])
def test_d01_another_persons_notice_is_hidden_as_one_that_does_not_exist(
    suffix: str, organization: Organization, member: User, outsider_client: Client
) -> None:
    notification = told(organization, member)

    def answer(pk: UUID) -> tuple[int, bytes]:
        url = f"{INBOX}{pk}/{suffix}"
        response = outsider_client.post(url) if suffix else outsider_client.get(url)
        return response.status_code, response.content.replace(str(pk).encode(), b"")

    assert answer(notification.pk)[0] == 404
    assert len(answer(notification.pk)[1]) == len(answer(uuid4())[1])
    assert read_at(notification) is None


def test_opening_a_notice_marks_it_read_and_leads_to_the_run(
    organization: Organization, member: User, member_client: Client
) -> None:
    notification = told(organization, member)
    answer = member_client.get(f"{INBOX}{notification.pk}/")
    assert (answer.status_code, answer["Location"]) == (302, f"/o/erables/runs/{RUN}/")
    assert read_at(notification) is not None


def test_looking_whether_a_link_is_alive_reads_nothing(
    organization: Organization, member: User, member_client: Client
) -> None:
    notification = told(organization, member)
    assert member_client.head(f"{INBOX}{notification.pk}/").status_code == 302
    assert read_at(notification) is None


def test_a_forwarded_link_leads_a_colleague_to_the_run_and_marks_nothing(
    organization: Organization, member: User, viewer_client: Client
) -> None:
    notification = told(organization, member)
    answer = viewer_client.get(f"{INBOX}{notification.pk}/")
    assert answer["Location"] == f"/o/erables/runs/{RUN}/"
    assert read_at(notification) is None
    assert viewer_client.post(f"{INBOX}{notification.pk}/read/").status_code == 404


def test_e06_a_notice_never_leads_off_the_site(
    organization: Organization, member: User, member_client: Client
) -> None:
    notification = told(organization, member)
    Notification.unscoped.update(path="//evil.example/")
    assert member_client.get(f"{INBOX}{notification.pk}/").status_code == 404


def test_e05_a_notice_is_marked_by_post_with_a_token_only(organization: Organization, member: User) -> None:
    notification = told(organization, member)
    assert signed_in(member).get(f"{INBOX}{notification.pk}/read/").status_code == 405
    assert signed_in(member).get(f"{INBOX}read/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(member, backend="organizations.backends.EmailBackend")
    assert strict.post(f"{INBOX}{notification.pk}/read/").status_code == 403
    assert read_at(notification) is None


def test_marking_one_notice_leaves_the_others_and_returns_to_the_page(
    organization: Organization, member: User, member_client: Client
) -> None:
    one, other = told(organization, member, key="run:1"), told(organization, member, key="run:2")
    answer = member_client.post(f"{INBOX}{one.pk}/read/", {"next": f"{INBOX}?show=unread"})
    assert answer["Location"] == f"{INBOX}?show=unread"
    assert read_at(one) is not None
    assert read_at(other) is None


def test_e06_a_form_never_returns_to_another_site(
    organization: Organization, member: User, member_client: Client
) -> None:
    notification = told(organization, member)
    answer = member_client.post(f"{INBOX}{notification.pk}/read/", {"next": "https://evil.example/"})
    assert answer["Location"] == INBOX


def test_marking_all_leaves_what_came_after_the_page_was_made(
    organization: Organization, member: User, member_client: Client
) -> None:
    seen, later = told(organization, member, key="run:1"), told(organization, member, key="run:2")
    Notification.unscoped.filter(pk=later.pk).update(created_at=timezone.now() + timedelta(minutes=1))
    member_client.post(f"{INBOX}read/", {"seen_at": timezone.now().isoformat()})
    assert read_at(seen) is not None
    assert read_at(later) is None


def test_marking_all_leaves_other_people_alone(
    organization: Organization, member: User, viewer: User, viewer_client: Client
) -> None:
    notification = told(organization, member)
    viewer_client.post(f"{INBOX}read/", {"seen_at": timezone.now().isoformat()})
    assert read_at(notification) is None


@pytest.mark.parametrize("seen_at", ["", "yesterday", "2026-13-45T00:00:00+00:00", "2026-01-01T00:00:00"])
def test_marking_all_without_a_proper_time_is_refused(seen_at: str, member_client: Client) -> None:
    assert member_client.post(f"{INBOX}read/", {"seen_at": seen_at}).status_code == 400


def test_the_bell_of_every_page_has_the_number(
    organization: Organization, member: User, member_client: Client
) -> None:
    told(organization, member)
    assert "Notices: 1 unread" in page(member_client, reverse("organizations:preferences"))


def test_the_polled_state_names_the_newest_unread_notice(
    organization: Organization, member: User, member_client: Client
) -> None:
    told(organization, member, key="run:1")
    newest = told(organization, member, key="run:2")
    assert member_client.get(f"{INBOX}unread/").json() == {
        "unread": 2,
        "label": "Notices: 2 unread",
        "newest": {
            "created_at": newest.created_at.isoformat(),
            "headline": "facturation_mars.csv: 1,312 errors to fix",
            "url": f"{INBOX}{newest.pk}/",
        },
    }


@pytest.mark.parametrize("name", ["unread", "events"])
def test_e03_a_script_of_nobody_is_refused_and_not_sent_to_the_sign_in_page(
    name: str, client: Client
) -> None:
    assert client.get(reverse(f"notifications:{name}")).status_code == 403


def test_e03_nobody_is_sent_to_the_sign_in_page(client: Client) -> None:
    assert client.get(INBOX)["Location"].startswith(reverse("account_login"))


def test_the_event_stream_is_not_kept_by_any_cache(member_client: Client) -> None:
    answer = member_client.get(f"{INBOX}events/")
    assert answer["Content-Type"].startswith("text/event-stream")
    assert "no-cache" in answer["Cache-Control"]
