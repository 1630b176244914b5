"""What RQ's own pages are told of a job in the heavy lane; without Redis they are told nothing.

A job of the light lane is seen there while it waits: its end, like every other, is in the database.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rq.executions import Execution
from rq.job import Job as RQJob
from rq.job import JobStatus as RQStatus
from rq.utils import current_timestamp, now, utcformat
from rq.worker import WorkerStatus

from jobs.failfast import REDIS_ERRORS
from jobs.transport import FAILURE_TTL_SECONDS, RESULT_TTL_SECONDS

if TYPE_CHECKING:
    from jobs.workers.worker import Worker

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Shown:
    """One execution as RQ's lists have it."""

    worker: "Worker"
    job: RQJob
    execution: Execution | None = None

    def begin(self) -> None:
        """Say that the job runs."""
        worker, job = self.worker, self.job
        try:
            self.execution = worker.prepare_execution(job)
            with worker.connection.pipeline() as pipeline:
                worker.heartbeat(int(worker.get_heartbeat_ttl(job)), pipeline=pipeline)
                job.prepare_for_execution(worker.name, pipeline=pipeline)
                pipeline.persist(job.key)
                pipeline.execute()
        except REDIS_ERRORS as error:
            logger.info("Worker %s: Redis was not told of a start (%s)", worker.name, type(error).__name__)
            worker.executions.clear()
            self.execution = None

    def go_on(self) -> None:
        """Say that it still runs."""
        if self.execution:
            with suppress(*REDIS_ERRORS):
                self.worker.maintain_heartbeats(self.job, self.execution)

    def end(self, *, failed: bool) -> None:
        """Say that it is over; without Redis its lists forget it in time."""
        worker, job = self.worker, self.job
        worker.executions.clear()
        if self.execution is None:
            return
        registry = job.failed_job_registry if failed else job.finished_job_registry
        ttl_seconds = FAILURE_TTL_SECONDS if failed else RESULT_TTL_SECONDS
        ended_at = now()
        with suppress(*REDIS_ERRORS), worker.connection.pipeline() as pipeline:
            self.execution.delete(job, pipeline)
            status = RQStatus.FAILED if failed else RQStatus.FINISHED
            pipeline.hset(job.key, mapping={"status": status.value, "ended_at": utcformat(ended_at)})
            pipeline.expire(job.key, ttl_seconds)
            pipeline.zadd(registry.key, {job.id: current_timestamp() + ttl_seconds})
            if failed:
                worker.increment_failed_job_count(pipeline=pipeline)
            else:
                worker.increment_successful_job_count(pipeline=pipeline)
            worker.increment_total_working_time(ended_at - (job.started_at or ended_at), pipeline)
            worker.set_state(WorkerStatus.IDLE, pipeline=pipeline)
            pipeline.execute()
