"""Signing in, guessing, second factors, forgotten passwords and sessions."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from jobs.models import ActionKind, AuditEntry, Job
from organizations.models import CacheEntry, Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain
from tests.support.staff import staff_client
from tests.test_border import STAFF, names_and_routes, with_arguments

SIGN_IN = "/sign-in/"
# The sentence that a browser shows to whoever guesses, whether there is such an account or not.
WRONG, LOCKED = "is not right", "Too many tries"


def sign_in(client: Client, email: str, password: str = factories.PASSWORD) -> str:
    """What the page says, or where it leads."""
    response = client.post(SIGN_IN, {"login": email, "password": password})
    shown: str = response["Location"] if response.status_code == 302 else response.content.decode()
    return shown


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    shown: str = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    return shown


@pytest.fixture
def secret(superuser: User) -> str:
    """The secret of the authenticator app of somebody of staff."""
    made: str = generate_totp_secret()
    TOTP.activate(superuser, made)
    return made


@pytest.fixture
def shared_cache(settings: Any, db: None) -> Iterator[None]:
    """The cache that a site has: in the database, for all processes."""
    backend = "django.core.cache.backends.db.DatabaseCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "organizations_cacheentry"}}
    cache.clear()
    yield
    cache.clear()


@pytest.mark.parametrize("known", [True, False])
def test_e01_twenty_wrong_passwords_lock_an_account_also_one_that_is_none(
    client: Client,
    member: User,
    shared_cache: None,
    known: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    email = member.email if known else "nobody@example.com"
    answers = [sign_in(client, email, "wrong") for _ in range(20)]
    assert [WRONG in answer for answer in answers[:5]] == [True] * 5
    assert all(LOCKED in answer for answer in answers[5:])
    # The right password opens nothing now, from wherever it comes.
    assert LOCKED in sign_in(Client(REMOTE_ADDR="192.0.2.9"), email)
    # Others are not locked, and what the shared cache holds names nobody.
    assert sign_in(Client(REMOTE_ADDR="192.0.2.9"), factories.user().email) == "/"
    assert not CacheEntry.objects.filter(cache_key__contains=email).exists()


def test_e01_one_password_for_many_accounts_is_slowed_by_the_address(client: Client, db: None) -> None:
    people = [factories.user() for _ in range(30)]
    answers = [sign_in(client, person.email, "Password-2026") for person in people]
    assert sum(WRONG in answer for answer in answers) == 20
    assert all(LOCKED in answer for answer in answers[20:])
    assert sign_in(Client(REMOTE_ADDR="192.0.2.9"), people[0].email) == "/"


def test_e01_an_operator_lets_somebody_in_at_once(client: Client, member: User, settings: Any) -> None:
    settings.SITE_URL = "http://testserver"
    settings.ALLOWED_HOSTS = ["testserver"]
    for _ in range(6):
        sign_in(client, member.email, "wrong")
    assert LOCKED in sign_in(client, member.email)
    call_command("unlock_sign_in", member.email.upper(), verbosity=0)
    assert sign_in(client, member.email) == "/"


def test_e09_sign_ins_and_failed_tries_are_audited_without_what_was_typed(
    client: Client, organization: Organization, member: User
) -> None:
    sign_in(client, member.email, "wrong-but-secret")
    sign_in(client, "nobody@example.com", "wrong-but-secret")
    sign_in(client, member.email)
    client.post("/sign-out/")
    lines = list(AuditEntry.objects.order_by("id").values_list("action", "tenant_id", "target", "address"))
    here, who = organization.pk, str(member.pk)
    assert lines == [
        (ActionKind.SIGN_IN_FAILED, here, who, "127.0.0.1"),
        (ActionKind.SIGN_IN_FAILED, None, "", "127.0.0.1"),
        (ActionKind.SIGN_IN, here, who, "127.0.0.1"),
        (ActionKind.SIGN_OUT, None, who, "127.0.0.1"),
    ]
    everything = str(list(AuditEntry.objects.values()))
    assert "wrong-but-secret" not in everything
    assert "nobody@example.com" not in everything


def admin_pages() -> list[str]:
    routes = {route for name, route in names_and_routes() if name.startswith(STAFF)}
    doors = {reverse("admin:login"), reverse("admin:logout")}
    return sorted({"/" + with_arguments(route, "0") for route in routes} - doors)


@pytest.mark.parametrize("method", ["get", "post"])
def test_e02_no_admin_page_opens_for_staff_without_a_second_factor(
    superuser: User, settings: Any, method: str
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    client = signed_in(superuser)
    for address in admin_pages():
        response = getattr(client, method)(address)
        if method == "post":
            assert response.status_code == 403, address
        else:
            assert response.status_code == 302, address
            assert response["Location"].startswith(reverse("mfa_index")), address
    assert client.get("/api/queue/stats").status_code == 403


def test_e02_a_second_factor_opens_the_admin_in_this_session_and_in_no_other(
    superuser: User, settings: Any, secret: str
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    client = Client()
    assert sign_in(client, superuser.email) == reverse("mfa_authenticate")
    assert client.get(reverse("admin:index")).status_code == 302
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    assert client.get(reverse("admin:index")).status_code == 302
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})["Location"] == "/"
    assert client.get(reverse("admin:index")).status_code == 200
    # A session that came without it is sent to show it.
    other = signed_in(superuser)
    assert other.get(reverse("admin:index"))["Location"].startswith(reverse("mfa_reauthenticate"))


def test_e02_a_code_is_taken_once(superuser: User, secret: str) -> None:
    code = code_of(secret)
    answers = []
    for _ in range(2):
        client = Client()
        sign_in(client, superuser.email)
        answers.append(client.post(reverse("mfa_authenticate"), {"code": code}).status_code)
    assert answers == [302, 200]


def test_e02_a_recovery_code_is_taken_once(superuser: User, secret: str) -> None:
    code = RecoveryCodes.activate(superuser).get_unused_codes()[0]
    answers = []
    for _ in range(2):
        client = Client()
        sign_in(client, superuser.email)
        answers.append(client.post(reverse("mfa_authenticate"), {"code": code}).status_code)
    assert answers == [302, 200]


def test_a_second_factor_is_set_up_with_a_code_and_its_secret_is_stored_encrypted(
    client: Client, member: User, django_capture_on_commit_callbacks: Any
) -> None:
    sign_in(client, member.email)
    # Whoever finds a browser open cannot put a factor of their own in.
    assert client.get(reverse("mfa_activate_totp")).status_code == 302
    client.post(reverse("account_reauthenticate"), {"password": factories.PASSWORD})
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    secret = client.session["mfa.totp.secret"]
    assert "data:image/svg+xml" in page
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert response.status_code == 302
    kept = Authenticator.objects.get(user=member, type="totp")
    assert secret not in str(kept.data)
    assert Authenticator.objects.filter(user=member, type="recovery_codes").exists()
    assert AuditEntry.objects.filter(action=ActionKind.CHANGE_FACTOR, by=member).exists()


def letter_of(client: Client, email: str, mailoutbox: list[Any]) -> Any:
    assert client.post(reverse("account_reset_password"), {"email": email}).status_code == 302
    drain()
    return mailoutbox[-1] if mailoutbox else None


def test_e06_a_forgotten_password_is_chosen_anew_by_a_link_to_the_configured_address(
    client: Client, member: User, mailoutbox: list[Any], settings: Any
) -> None:
    settings.SITE_URL = "https://bordereau.example"
    settings.ALLOWED_HOSTS = ["*"]
    open_elsewhere = signed_in(member)
    asked = Client(headers={"host": "evil.example"})
    letter = letter_of(asked, member.email, mailoutbox)
    assert letter.to == [member.email]
    (address,) = re.findall(r"https?://\S+", letter.body)
    assert address.startswith("https://bordereau.example/account/password/reset/")
    # The secret of the link stands in no job.
    key = address.split("-", 1)[1].strip("/")
    assert key not in str(list(Job.objects.values()))
    path = address.removeprefix("https://bordereau.example")
    form = client.get(path, follow=True).redirect_chain[-1][0]
    sent = {"password1": "another correct horse", "password2": "another correct horse"}
    assert client.post(form, sent).status_code == 302
    assert sign_in(Client(), member.email, "another correct horse") == "/"
    # E07: sessions of before are over, and so is the link.
    assert open_elsewhere.get("/preferences/").status_code == 302
    assert "was used already" in Client().get(path, follow=True).content.decode()


def test_e06_whether_there_is_an_account_is_not_told(
    client: Client, member: User, mailoutbox: list[Any]
) -> None:
    pages = []
    for email in (member.email, "nobody@example.com"):
        address = reverse("account_reset_password")
        pages.append(client.post(address, {"email": email}, follow=True).content.decode())
    assert "on its way" in pages[0]
    # The last is the token of the language switch, another one for each page.
    assert len({re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page) for page in pages}) == 1
    drain()
    assert [letter.to for letter in mailoutbox] == [[member.email]]


def test_e07_a_sign_in_makes_a_new_session_and_a_new_password_ends_the_others(member: User) -> None:
    client, other = Client(), signed_in(member)
    client.get(SIGN_IN)
    client.session["before"] = True
    before = client.cookies["csrftoken"].value
    sign_in(client, member.email)
    first = client.session.session_key
    assert client.cookies["csrftoken"].value != before
    sent = {"oldpassword": factories.PASSWORD, "password1": "another correct horse"}
    sent["password2"] = sent["password1"]
    client.post(reverse("account_change_password"), sent)
    assert client.get("/preferences/").status_code == 200
    assert client.session.session_key != first
    assert other.get("/preferences/").status_code == 302


def test_e07_cookies_of_a_site_behind_https_are_for_it_alone(member: User, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client = Client()
    client.post(SIGN_IN, {"login": member.email, "password": factories.PASSWORD}, secure=True)
    cookie = client.cookies["sessionid"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")


def test_e07_other_sessions_are_listed_and_ended(member: User) -> None:
    here, there = Client(HTTP_USER_AGENT="Firefox"), Client(HTTP_USER_AGENT="Chromium")
    for client in (here, there):
        sign_in(client, member.email)
    page = here.get(reverse("usersessions_list")).content.decode()
    assert "Firefox" in page
    assert "Chromium" in page
    here.post(reverse("usersessions_list"))
    assert there.get("/preferences/").status_code == 302
    assert here.get("/preferences/").status_code == 200


def test_d08_nobody_signs_up_without_an_invitation(client: Client, db: None) -> None:
    sent = {"email": "new@example.com", "password1": "another correct horse"}
    for response in (client.get("/account/sign-up/"), client.post("/account/sign-up/", sent)):
        assert "By invitation" in response.content.decode()
    assert not User.objects.filter(email="new@example.com").exists()


def test_the_shared_cache_forgets_what_is_over(shared_cache: None) -> None:
    cache.set("mark", "value", timeout=timedelta(minutes=1).total_seconds())
    assert cache.get("mark") == "value"
    assert CacheEntry.objects.exists()


def test_a_superuser_resets_a_lost_factor_and_nobody_else_does(superuser: User, secret: str) -> None:
    address = reverse("admin:organizations_user_changelist")
    press = {"action": "reset_factor", "_selected_action": superuser.pk, "index": "0", "confirmed": "yes"}
    assert (
        staff_client("organizations.change_user", "organizations.view_user").post(address, press).status_code
        == 403
    )
    assert Authenticator.objects.filter(user=superuser).exists()
    signed_in(superuser).post(address, press)
    assert not Authenticator.objects.filter(user=superuser).exists()
    assert AuditEntry.objects.filter(action=ActionKind.CHANGE_FACTOR, target=str(superuser.pk)).exists()
