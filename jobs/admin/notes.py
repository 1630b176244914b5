"""A job as a few lines of plain text, to be sent to whoever helps: without arguments, results and names of people."""

from collections.abc import Sequence

from django.utils.timezone import localtime

from jobs.admin.base import bytes_text, seconds_text
from jobs.admin.history import cause_text
from jobs.models import Attempt, Job, JobEvent

# The newest of each; the page has them all.
ATTEMPTS_NOTED = 5
EVENTS_NOTED = 15


def support_note(job: Job, attempts: Sequence[Attempt], events: Sequence[JobEvent]) -> str:
    """What an engineer asks first, in one piece."""
    lines = [
        f"job {job.pk}",
        f"task {job.task} · queue {job.queue} · tenant {job.tenant_id if job.tenant_id is not None else '-'}",
        f"status {job.status} · attempt {job.attempt}/{job.max_attempts} · priority {job.priority}",
        f"created {_time(job.created_at)} · due {_time(job.due_at)}",
        f"started {_time(job.started_at)} · ended {_time(job.finished_at)}",
    ]
    if job.error_code or job.error_class:
        lines.append(f"error {job.error_code} {job.error_class} {job.error_message}".rstrip())
        lines.append(f"error group {job.error_group or '-'}")
    lines += [line for attempt in attempts[:ATTEMPTS_NOTED] for line in _attempt(attempt)]
    lines.append("timeline")
    lines += [
        f"  {_time(event.at)} {event.from_status or '-'} -> {event.to_status} ({cause_text(event.cause)})"
        for event in events[-EVENTS_NOTED:]
    ]
    return "\n".join(lines).replace("\u00a0", " ")


def _attempt(attempt: Attempt) -> list[str]:
    waited, memory = seconds_text(attempt.wait_ms / 1000), bytes_text(attempt.peak_memory_bytes)
    lines = [
        f"attempt {attempt.number} (fence {attempt.fence}) {attempt.outcome}",
        f"  worker {attempt.worker} · host {attempt.host} · process {attempt.pid}",
        f"  waited {waited} · ran {seconds_text(attempt.run_seconds)} · memory {memory}",
    ]
    if attempt.error_class:
        lines.append(f"  {attempt.error_class} {attempt.error_message}".rstrip())
    lines += [f"  {line}" for line in attempt.traceback.splitlines()[-12:]]
    return lines


def _time(moment: object) -> str:
    return localtime(moment).isoformat(sep=" ", timespec="milliseconds") if moment else "-"  # type: ignore[arg-type]
