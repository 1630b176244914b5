"""What people type to find jobs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs import search
from jobs.models import Job, JobStatus
from organizations.models import Organization
from tests.support.probe import tasks

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def parse(text: str = "", *, may_see_arguments: bool = True, **parameters: str) -> search.Filters:
    return search.parse({"q": text, **parameters}, may_see_arguments=may_see_arguments, now=NOW)


def found(text: str = "", **parameters: Any) -> set[Job]:
    return set(parse(text, **parameters).narrow(Job.objects.all()))


def failed(message: str = "", **fields: Any) -> Job:
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(status=JobStatus.FAILED, error_message=message, **fields)
    return job


def test_an_id_is_found_whole_and_by_its_beginning() -> None:
    wanted, _other = tasks.empty.enqueue(), tasks.empty.enqueue()
    for text in (str(wanted.pk), wanted.pk.hex, str(wanted.pk)[:8], str(wanted.pk)[:13].upper()):
        assert found(text) == {wanted}, text


def test_a_word_that_is_too_short_for_an_id_is_a_text_of_an_error() -> None:
    assert parse("abc").errors == ("abc",)
    assert parse("deadbeef").ids is not None


def test_a_task_is_meant_by_its_name_its_function_or_a_part() -> None:
    note = tasks.note.enqueue(path="x")
    tasks.empty.enqueue()
    for text in (tasks.note.name, "note", "task:probe.note"):
        assert found(text) == {note}, text
    assert set(parse("count_too").tasks) == {"probe.count_too_far"}


def test_an_organization_is_meant_by_the_beginning_of_its_name(organization: Organization) -> None:
    wanted = tasks.empty.using(tenant_id=organization.pk).enqueue()
    tasks.empty.enqueue()
    for text in ("Clinique", "organization:erables", f"tenant:{organization.pk}", "org:rables"):
        assert found(text) == {wanted}, text
    assert found(tenant_id=str(organization.pk)) == {wanted}


def test_other_words_are_searched_in_the_errors_of_failed_jobs() -> None:
    wanted = failed("connection to mail.example refused")
    failed("no room")
    Job.objects.filter(pk=tasks.empty.enqueue().pk).update(error_message="connection refused, once")
    assert found('"mail.example refused"') == {wanted}
    assert found("error:REFUSED") == {wanted}
    assert found("connection refused") == {wanted}
    assert found("TimeoutError") == set()


def test_error_classes_and_codes_are_searched_too() -> None:
    wanted = failed(error_class="smtplib.SMTPServerDisconnected", error_code="mail-away")
    assert found("SMTPServer") == found("error:mail-away") == {wanted}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"run_id": 42}, "arguments.run_id=42"),
        ({"run_id": "42"}, "arguments.run_id=42"),
        ({"deep": {"list": [1, {"name": "b"}]}}, "arguments.deep.list.1.name=b"),
        ({"flag": True}, "arguments.flag=true"),
        ({"name": "with space"}, 'arguments.name="with space"'),
        ({"contains": "x"}, "arguments.contains=x"),
        ({"a__b": "x"}, "arguments.a__b=x"),
    ],
)
def test_an_argument_is_found_by_its_path(arguments: dict[str, Any], text: str) -> None:
    wanted, other = tasks.empty.enqueue(), tasks.empty.enqueue()
    Job.objects.filter(pk=wanted.pk).update(arguments=arguments)
    Job.objects.filter(pk=other.pk).update(arguments={"run_id": 420, "flag": False})
    assert found(text) == {wanted}


def test_arguments_are_not_searched_by_those_who_may_not_see_them() -> None:
    filters = parse("arguments.run_id=42", may_see_arguments=False)
    assert filters.unknown == ("arguments.run_id=42",)
    assert not filters.arguments


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2026-11-20T10:00+00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        # In the time zone of the reader.
        ("2026-11-20", datetime(2026, 11, 20, 5, tzinfo=UTC)),
        ("2026-11-20T10:00", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("yesterday", None),
        ("2026-13-45", None),
        ("99999w", None),
        ("0001-01-01", None),
    ],
)
def test_moments_are_understood_as_people_write_them(text: str, moment: datetime | None) -> None:
    assert search.moment_of(text, NOW) == moment


def test_filters_of_the_address_and_of_the_box_are_the_same() -> None:
    in_address = parse(status="failed", queue="emails", worker="w1", since="2h")
    typed = parse("status:failed queue:emails worker:w1 since:2h")
    assert in_address == typed


@pytest.mark.parametrize(
    "parameters",
    [
        {"status": "x"},
        {"tenant_id": "9" * 40},
        {"tenant_id": "٣"},
        {"batch": "' OR 1=1"},
        {"schedule": "x"},
        {"since": "soon"},
        {"q": "organization:nobody-of-that-name"},
    ],
)
def test_b08_what_is_not_understood_is_named_and_asks_for_nothing(parameters: dict[str, str]) -> None:
    job = tasks.empty.enqueue()
    filters = search.parse(parameters, may_see_arguments=True)
    assert filters.unknown
    assert set(filters.narrow(Job.objects.all())) == {job}


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "'\"%_\\",
        "arguments.=",
        "arguments.a=",
        "arguments..=x",
        'error:"',
        "9" * 5000,
        "%" * 300,
        "a:b:c::",
    ],
)
def test_b08_odd_texts_never_break_a_search(text: str) -> None:
    tasks.empty.enqueue()
    found(text)


def test_wildcards_are_plain_letters() -> None:
    wanted = failed("100% of_it")
    failed("100 of it")
    assert found('"100% of_it"') == {wanted}
