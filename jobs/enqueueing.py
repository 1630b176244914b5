"""From plans to rows: the one way in which jobs come into being.

A plan is a task with its arguments and options. Plans of one call become rows together, in the caller's
transaction; what is ready among them is sent after the commit.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from jobs import dependencies, lifecycle, tracing
from jobs.declarations import Declaration
from jobs.dependencies import Link
from jobs.errors import ArgumentsError, BatchSealedError
from jobs.lifecycle import Cause, Entry
from jobs.models import Batch, Job, JobStatus, OnParentFailure, Schedule
from jobs.sending import send

# The constraint by which the database says that an active job has the key.
KEY_TAKEN = "jobs_job_one_active_per_key"


@dataclass(frozen=True, slots=True)
class Options:
    """What is said of one job beside its arguments; `Task.using` explains each."""

    tenant_id: int | None = None
    delay: timedelta | None = None
    priority: int | None = None
    idempotency_key: str = ""
    after: tuple["Job | Plan", ...] = ()
    on_parent_failure: OnParentFailure = OnParentFailure.CANCEL
    batch: Batch | None = None
    cache_key: str = ""
    cache_for: timedelta = timedelta(0)
    # Said by schedules alone: the slot that the job fills.
    schedule: Schedule | None = None
    scheduled_for: datetime | None = None


# Plans are told apart by their identity: two alike are two jobs.
@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A job that is not yet asked for: a task, its arguments and its options."""

    declaration: Declaration
    arguments: Mapping[str, Any]
    options: Options
    # Of the job to come, so that the plans of one call can name each other in `after`.
    id: UUID = field(default_factory=uuid.uuid4)

    @property
    def key(self) -> tuple[str, int | None, str]:
        """What no two active jobs share, where the plan has an idempotency key."""
        return (self.declaration.name, self.options.tenant_id, self.options.idempotency_key)

    def row(self) -> Job:
        """The job, not yet stored."""
        policy, options = self.declaration, self.options
        return Job(
            pk=self.id,
            task=policy.name,
            queue=policy.queue,
            arguments=dict(self.arguments),
            tenant_id=options.tenant_id,
            priority=policy.priority if options.priority is None else options.priority,
            idempotency_key=options.idempotency_key,
            timeout_seconds=policy.timeout_seconds,
            max_attempts=policy.attempts,
            batch=options.batch,
            cache_key=options.cache_key,
            schedule=options.schedule,
            scheduled_for=options.scheduled_for,
            trace_context=tracing.of_new_job(self.id, policy.name, policy.queue),
        )


def enqueue(plan: Plan, *, cause: Cause = Cause.ENQUEUED, by_id: int | None = None) -> Job:
    """The job of one plan, recorded in the caller's transaction and sent after its commit.

    Raises: ArgumentsError when the arguments do not fit the task; BatchSealedError.
    """
    return enqueue_many([plan], cause=cause, by_id=by_id)[0]


def enqueue_many(
    plans: Iterable[Plan], *, cause: Cause = Cause.ENQUEUED, by_id: int | None = None
) -> list[Job]:
    """A job for each plan, in their order, all of them or none; sent after the caller's commit.

    A plan whose idempotency key an active job holds gives that job.

    Raises: ArgumentsError when a plan's arguments do not fit its task, or when it waits for a job that is not
    there or for a plan that does not stand before it; BatchSealedError when its batch takes no more jobs.
    """
    plans = list(plans)
    for plan in plans:
        plan.declaration.check_arguments(plan.arguments)
    keyed = [plan for plan in plans if plan.options.idempotency_key]
    if not keyed:
        return _record(plans, {}, cause, by_id)
    while True:
        earlier = _active(keyed)
        try:
            with transaction.atomic():
                return _record(plans, earlier, cause, by_id)
        except IntegrityError as error:
            # The unique index decides between two at once; the other one's job is found the next time, unless it has
            # ended by then.
            if KEY_TAKEN not in str(error):
                raise


def _active(plans: Sequence[Plan]) -> dict[tuple[str, int | None, str], Job]:
    """The active jobs that hold one of the plans' keys."""
    # A row may be of a time when the task had another name.
    names = {
        name: plan.declaration.name
        for plan in plans
        for name in (plan.declaration.name, *plan.declaration.aliases)
    }
    rows = Job.objects.active().filter(
        task__in=names,
        idempotency_key__in={plan.options.idempotency_key for plan in plans},
    )
    wanted = {plan.key for plan in plans}
    found = {(names[job.task], job.tenant_id, job.idempotency_key): job for job in rows}
    return {key: job for key, job in found.items() if key in wanted}


def _record(
    plans: Sequence[Plan],
    earlier: Mapping[tuple[str, int | None, str], Job],
    cause: Cause,
    by_id: int | None,
) -> list[Job]:
    """The plans' jobs in their order: those of the keys that are taken, and new rows for the others."""
    by_key = dict(earlier)
    jobs: dict[UUID, Job] = {}
    new: list[Plan] = []
    for plan in plans:
        if plan.id in jobs:
            raise ArgumentsError(f"{plan.declaration.name}: a plan is enqueued once")
        taken = by_key.get(plan.key) if plan.options.idempotency_key else None
        jobs[plan.id] = taken or plan.row()
        if taken is None:
            new.append(plan)
            by_key[plan.key] = jobs[plan.id]
    links = _links(new, jobs)
    # What may be refused below leaves the caller's transaction whole.
    with transaction.atomic(savepoint=any(plan.options.after or plan.options.batch for plan in new)):
        _store(new, jobs, links, cause, by_id)
    return list(jobs.values())


def _store(
    new: Sequence[Plan],
    jobs: Mapping[UUID, Job],
    links: Sequence[Link],
    cause: Cause,
    by_id: int | None,
) -> None:
    """Write the new plans' rows, with what they wait for and what they belong to."""
    _admit(new)
    asked = [plan for plan in new if not _answered_from_cache(plan, jobs[plan.id], by_id)]
    new_ids = {plan.id for plan in asked}
    ended = dependencies.ended_parents(links, new=new_ids)
    blocked = {link.job.pk for link in links}
    entries = [Entry(jobs[plan.id], plan.options.delay, plan.id in blocked) for plan in asked]
    if entries:
        lifecycle.create_many(entries, cause=cause, by_id=by_id)
    dependencies.store(links)
    dependencies.watch(links, new=new_ids)
    ready = [jobs[plan.id] for plan in asked if jobs[plan.id].status == JobStatus.QUEUED]
    if ready:
        transaction.on_commit(lambda: send(ready), robust=True)
    for changed in dependencies.settle({link.job.pk for link in links if link.parent.pk in ended}):
        # The caller's own objects say what became of them.
        for name in ("status", "due_at", "sent_at", "finished_at"):
            setattr(jobs[changed.pk], name, getattr(changed, name))


def _admit(plans: Sequence[Plan]) -> None:
    """Count the jobs into their batches, which also holds off whoever would seal them now."""
    counts = Counter(plan.options.batch.pk for plan in plans if plan.options.batch)
    for batch_id, count in sorted(counts.items()):
        if not Batch.objects.filter(pk=batch_id, sealed_at=None).update(total=F("total") + count):
            raise BatchSealedError("the batch takes no more jobs")


def _links(plans: Sequence[Plan], jobs: Mapping[UUID, Job]) -> list[Link]:
    """Who waits for whom; a plan waits for jobs and for plans that stand before it, so that no circle can be."""
    places = {plan_id: place for place, plan_id in enumerate(jobs)}
    links: list[Link] = []
    for plan in plans:
        for parent in dict.fromkeys(plan.options.after):
            if isinstance(parent, Plan):
                if places.get(parent.id, len(places)) >= places[plan.id]:
                    raise ArgumentsError(
                        f"{plan.declaration.name}: it waits for a plan that is not before it"
                    )
                parent = jobs[parent.id]  # noqa: PLW2901 -- from here on it is a job
            links.append(Link(jobs[plan.id], parent, plan.options.on_parent_failure))
    return links


def _answered_from_cache(plan: Plan, job: Job, by_id: int | None) -> bool:
    """Whether an earlier result stands for the plan's, whose job is a row now that has succeeded.

    A plan that waits for others is run: what they do may change its result.
    """
    options = plan.options
    if not options.cache_key or options.cache_for <= timedelta(0) or options.after:
        return False
    # Of a run and not of another answer from here, which would keep a result for ever.
    runs = Job.objects.filter(
        status=JobStatus.SUCCEEDED,
        task=job.task,
        cache_key=options.cache_key,
        tenant_id=options.tenant_id,
        attempt__gt=0,
        finished_at__gt=Now() - options.cache_for,
    )
    newest = runs.order_by("-finished_at").only("result").first()
    if newest is None:
        return False
    lifecycle.create_cached(job, newest.result, by_id=by_id)
    return True
