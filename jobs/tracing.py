"""Traces from the enqueue of a job to each of its attempts, for who wants them.

They are on when OpenTelemetry's usual variables say where to (OTEL_EXPORTER_OTLP_ENDPOINT, or
OTEL_TRACES_EXPORTER=console) and `requirements/otel.txt` is installed. Else none of its SDK is imported, and each of
these functions returns at once. What links the two ends is a W3C `traceparent` in the job's row: Redis carries none.
"""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from uuid import UUID

from jobs.models import Job

logger = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def is_wanted() -> bool:
    """Whether the variables ask for traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    return exporter != "none" and bool(exporter or any(os.environ.get(name) for name in _ENDPOINTS))


@lru_cache(maxsize=1)
def prepare() -> ModuleType | None:
    """The half that knows OpenTelemetry, if there are to be traces; a worker's parent loads it for its children."""
    if not is_wanted():
        return None
    try:
        return import_module("jobs.telemetry")
    except ImportError:
        logger.warning("OTEL_* variables ask for traces: pip install -r requirements/otel.txt")
        return None


def begin() -> None:
    """Start what sends traces; a work-horse does it first, so that it is not taken for something that a task left."""
    if telemetry := prepare():
        telemetry.tracer()


def of_new_job(job_id: UUID, task: str, queue: str) -> str:
    """The `traceparent` that a new job keeps: of a span for its enqueue, within the caller's trace if there is one."""
    telemetry = prepare()
    return telemetry.of_new_job(job_id, task, queue) if telemetry else ""


def attempt(row: Job) -> AbstractContextManager[None]:
    """A block that is one attempt of the job, as a span of the trace in which it was enqueued."""
    telemetry = prepare()
    return telemetry.attempt(row) if telemetry else nullcontext()


def flush() -> None:
    """Send what this process has, for one that ends at once; a collector that is away is not waited for."""
    if telemetry := prepare():
        telemetry.flush()
