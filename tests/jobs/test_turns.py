"""Which rows come next: by priority, then organizations take turns."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import turns
from jobs.models import Job, JobStatus
from jobs.turns import Line, next_ids, queues_of

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[0, turns.FEW], autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Both ways to read what waits: from group to group, and, when it is little, all at once."""
    monkeypatch.setattr(turns, "FEW", request.param)
    return int(request.param)


BEGAN = timezone.now() - timedelta(hours=1)


def waiting(
    tenant: int | None,
    count: int = 1,
    *,
    queue: str = "validations",
    priority: int = 0,
    second: int = 0,
    status: JobStatus = JobStatus.QUEUED,
    sent_at: datetime | None = None,
) -> list[Job]:
    """Rows that nobody sent, due one after the other."""
    return Job.objects.bulk_create(
        Job(
            task="probe.empty",
            queue=queue,
            status=status,
            tenant_id=tenant,
            priority=priority,
            sent_at=sent_at,
            timeout_seconds=9,
            max_attempts=1,
            created_at=BEGAN,
            due_at=BEGAN + timedelta(seconds=second + n),
        )
        for n in range(count)
    )


def tenants(ids: list[UUID]) -> list[int | None]:
    of = dict(Job.objects.values_list("pk", "tenant_id"))
    return [of[id_] for id_ in ids]


def test_organizations_take_turns_however_many_jobs_one_of_them_has() -> None:
    waiting(1, 50)
    waiting(2, 2, second=100)
    waiting(3, 1, second=200)
    assert tenants(next_ids(Line.UNSENT, "validations", 6)) == [1, 2, 3, 1, 2, 1]


def test_who_has_fewer_jobs_under_way_comes_first() -> None:
    waiting(1, 3)
    waiting(2, 3, second=100)
    assert tenants(next_ids(Line.UNSENT, "validations", 3, busy={1: 2})) == [2, 2, 1]


def test_priority_goes_before_turns() -> None:
    waiting(1, 2, priority=5)
    waiting(2, 2)
    assert tenants(next_ids(Line.UNSENT, "validations", 4)) == [1, 1, 2, 2]


def test_an_urgent_job_is_not_passed_over_since_other_organizations_have_no_more_of_them() -> None:
    waiting(1, 6, priority=5)
    waiting(2, 1, priority=5)
    waiting(2, 6)
    assert tenants(next_ids(Line.UNSENT, "validations", 7)) == [1, 2, 1, 1, 1, 1, 1]


def test_turns_taken_at_a_higher_priority_count_at_a_lower_one() -> None:
    waiting(1, 2, priority=5)
    waiting(1, 1)
    waiting(2, 2, second=100)
    assert tenants(next_ids(Line.UNSENT, "validations", 5)) == [1, 1, 2, 2, 1]


def test_jobs_of_one_organization_come_in_the_order_in_which_they_were_due() -> None:
    late, early = waiting(1, 3, second=10), waiting(1, 3)
    assert next_ids(Line.UNSENT, "validations", 9) == [job.pk for job in early + late]


def test_jobs_of_no_organization_take_turns_as_one() -> None:
    waiting(None, 3)
    waiting(1, 3, second=100)
    assert tenants(next_ids(Line.UNSENT, "validations", 4)) == [None, 1, None, 1]


def test_those_left_out_have_no_turn() -> None:
    waiting(1, 3, priority=5)
    waiting(2, 1)
    waiting(None, 1)
    assert tenants(next_ids(Line.UNSENT, "validations", 9, left_out={1, None})) == [2]


def test_only_rows_of_the_line_and_the_queue_count() -> None:
    waiting(1, sent_at=BEGAN)
    waiting(1, status=JobStatus.SCHEDULED)
    waiting(1, queue="documents")
    held = waiting(1, status=JobStatus.HELD)
    assert next_ids(Line.UNSENT, "validations", 9) == []
    assert next_ids(Line.HELD, "validations", 9) == [job.pk for job in held]


def test_the_queues_of_a_line_are_found() -> None:
    waiting(1, 3, queue="validations")
    waiting(None, 1, queue="emails")
    waiting(1, queue="roles", status=JobStatus.HELD)
    assert (queues_of(Line.UNSENT), queues_of(Line.HELD)) == (["emails", "validations"], ["roles"])


def test_more_organizations_than_one_statement_takes_all_have_their_turn() -> None:
    for tenant in range(230):
        waiting(tenant, 1, second=tenant)
    assert tenants(next_ids(Line.UNSENT, "validations", 500)) == list(range(230))


def test_the_number_of_statements_does_not_grow_with_the_rows(few: int) -> None:
    waiting(1, few + 3)
    waiting(2, 1)
    with CaptureQueriesContext(connection) as before:
        next_ids(Line.UNSENT, "validations", 2)
    waiting(1, 300)
    with CaptureQueriesContext(connection) as after:
        next_ids(Line.UNSENT, "validations", 2)
    assert len(after) == len(before)


@pytest.mark.parametrize("line", [Line.UNSENT, Line.HELD])
def test_every_look_follows_the_index_of_its_line(line: Line, few: int) -> None:
    waiting(1, 2, status=JobStatus.HELD if line is Line.HELD else JobStatus.QUEUED)
    with CaptureQueriesContext(connection) as asked:
        queues_of(line)
        next_ids(line, "validations", 2)
    index = {Line.UNSENT: "jobs_job_unsent", Line.HELD: "jobs_job_held"}[line]
    for query in asked:
        plan = _plan(query["sql"])
        # PostgreSQL may read a table of two rows as a whole; `docs/benchmarks.md` has it with a million.
        assert index in plan or connection.vendor == "postgresql", plan
    assert len(asked) == (2 if few else 4)


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        else:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(str(row) for row in cursor.fetchall())
