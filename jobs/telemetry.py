"""The half of `jobs.tracing` that knows OpenTelemetry; loaded only where traces are wanted.

Spans name task, queue, job and attempt, and the class of an error: never an argument, an organization or a message.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from uuid import UUID

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jobs.models import Job

# What a process that ends waits for a collector; spans that it cannot send by then are lost.
FLUSH_SECONDS = 1.0


@lru_cache(maxsize=1)
def tracer() -> Tracer:
    """The tracer of this process; a program that was started by opentelemetry-instrument brings its own provider."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(_provider())
    return trace.get_tracer("bordereau.jobs")


def _provider() -> TracerProvider:
    variables = os.environ
    is_named = variables.get("OTEL_SERVICE_NAME") or "service.name=" in variables.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    provider = TracerProvider(resource=Resource.create({} if is_named else {"service.name": "bordereau"}))
    to_console = variables.get("OTEL_TRACES_EXPORTER", "").strip() == "console"
    provider.add_span_processor(
        BatchSpanProcessor(ConsoleSpanExporter() if to_console else OTLPSpanExporter())
    )
    return provider


def of_new_job(job_id: UUID, task: str, queue: str) -> str:
    """The `traceparent` of a span for the enqueue."""
    carrier: dict[str, str] = {}
    attributes = _attributes(job_id, task, queue)
    with tracer().start_as_current_span(f"enqueue {task}", kind=SpanKind.PRODUCER, attributes=attributes):
        TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def attempt(row: Job) -> Iterator[None]:
    """A block that is one attempt of the job; an error of the task passes through."""
    attributes = {
        **_attributes(row.pk, row.task, row.queue),
        "bordereau.job.attempt": row.attempt,
        "bordereau.job.max_attempts": row.max_attempts,
    }
    with tracer().start_as_current_span(
        f"run {row.task}",
        context=TraceContextTextMapPropagator().extract({"traceparent": row.trace_context}),
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        # Its message may hold values.
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
            raise


def _attributes(job_id: UUID, task: str, queue: str) -> dict[str, str | int]:
    """Source: OpenTelemetry semantic conventions for messaging."""
    return {
        "messaging.system": "rq",
        "messaging.destination.name": queue,
        "messaging.message.id": str(job_id),
        "bordereau.task": task,
    }


def flush() -> None:
    """Send what is waiting, for FLUSH_SECONDS at most: the exporter's own patience is ten seconds."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        sending = threading.Thread(target=provider.force_flush, daemon=True)
        sending.start()
        sending.join(FLUSH_SECONDS)
