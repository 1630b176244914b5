"""Chains, batches and schedules on real workers, some of which are killed: each job once, nothing left waiting."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.utils import timezone

from jobs.batches import open_batch, seal_batch
from jobs.models import Batch, BatchStatus, Job, JobStatus, Schedule
from jobs.tasks import chain, enqueue_many
from tests.support.probe import tasks
from tests.support.processes import RedisServer, Site, wait_until

pytestmark = pytest.mark.acceptance


def test_a_chain_and_a_batch_end_once_although_a_worker_dies_in_the_middle(
    site: Site, tmp_path: Path
) -> None:
    order, summary = tmp_path / "order", tmp_path / "summary"
    batch = open_batch("Import", then=tasks.sum_up, path=str(summary))
    doomed, _other = site.worker(), site.worker()
    slow = tasks.dawdle.using(batch=batch).plan(path=str(tmp_path / "slow"), seconds=1.0)
    parts = [
        tasks.note.using(batch=batch, after=[slow]).plan(path=str(tmp_path / "parts")) for _ in range(20)
    ]
    enqueue_many([slow, *parts])
    seal_batch(batch)
    links = chain(*(tasks.note.plan(path=str(order), text=str(number)) for number in range(5)))
    wait_until((tmp_path / "slow").exists, what="the first job")
    doomed.kill_all()
    wait_until(lambda: Batch.objects.get(pk=batch.pk).finished_at, seconds=120, what="the end of the batch")
    wait_until(summary.exists, what="the summary")
    wait_until(lambda: Job.objects.get(pk=links[-1].pk).is_final, what="the end of the chain")
    assert Batch.objects.get(pk=batch.pk).status == BatchStatus.SUCCEEDED
    assert summary.read_text() == f"{batch.pk}\n"
    assert Job.objects.filter(task=tasks.sum_up.name).count() == 1
    # A link that ran twice, since its worker died after it had written, would stand there twice in a row.
    assert list(dict.fromkeys(order.read_text().split())) == ["0", "1", "2", "3", "4"]
    assert not Job.objects.filter(status=JobStatus.BLOCKED).exists()


def test_x09_x18_every_slot_has_one_job_although_the_leader_dies_and_redis_forgets(
    site: Site, redis: RedisServer
) -> None:
    schedule = Schedule.objects.create(
        name="Each second",
        task=tasks.empty.name,
        interval_seconds=1,
        catch_up="all",
        overlap="allow",
        next_at=timezone.now(),
    )

    def slots() -> list[Job]:
        return list(Job.objects.filter(schedule=schedule).order_by("scheduled_for"))

    first, _second = site.worker(), site.worker()
    wait_until(lambda: len(slots()) >= 3, what="the first slots")
    redis.client.flushall()
    first.kill_all()
    seen = len(slots())
    wait_until(lambda: len(slots()) >= seen + 5, what="slots after the leader's death")
    wait_until(lambda: Job.objects.filter(status=JobStatus.SUCCEEDED).count() >= seen, what="their jobs")
    times = [job.scheduled_for for job in slots()]
    assert len(set(times)) == len(times)
    gaps = {later - earlier for earlier, later in pairwise(time for time in times if time)}
    assert gaps == {timedelta(seconds=1)}
