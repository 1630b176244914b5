"""Traces: off they cost nothing, on they lead from the enqueue to each attempt and hold no value."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from typing import Any, Literal

import pytest

from jobs import dispatch, lifecycle, runner, tracing
from jobs.context import RunningJob
from jobs.declarations import TASKS
from jobs.models import Job, JobStatus
from jobs.tasks import Backoff, Task, task
from tests.support.jobs import drain

installed = find_spec("opentelemetry") is not None
needs_otel = pytest.mark.skipif(
    not installed, reason="requirements/otel.txt is not installed; .ci/run tests it in a folder of its own"
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No traces unless a test asks for them."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    tracing.prepare.cache_clear()
    yield
    tracing.prepare.cache_clear()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where the spans of this process end up while traces are on."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 -- an extra
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415 -- an extra
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415 -- an extra

    from jobs import telemetry  # noqa: PLC0415 -- needs the extra

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", lambda: provider.get_tracer("test"))
    return exporter


@pytest.fixture
def greet() -> Iterator[Task]:
    """A task that fails once for a bad name, and greets."""

    def greet(job: RunningJob, name: str) -> None:
        """Greet somebody."""
        if name == "Tremblay":
            raise ValueError(name)

    declared = task(queue="critical", attempts=2, backoff=Backoff(first_seconds=0, jitter=0))(greet)
    yield declared
    for name in [name for name, known in TASKS.items() if known is declared.declaration]:
        TASKS._entries.pop(name)


# --- Off ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
    ],
)
def test_the_usual_variables_ask_for_traces(
    variables: dict[str, str],
    wanted: Literal[True, False],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert tracing.is_wanted() is wanted


def test_off_nothing_heavy_is_imported() -> None:
    # The API alone is loaded by redis-py where it is installed.
    script = (
        "import django; django.setup(); import sys, jobs.tracing; jobs.tracing.begin(); jobs.tracing.flush();"
        "sys.exit(bool({'jobs.telemetry', 'opentelemetry.sdk.trace'} & set(sys.modules)))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 0


@pytest.mark.skipif(installed, reason="speaks of a site without the extra")
def test_who_asks_for_traces_without_the_packages_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    tracing.begin()
    tracing.flush()
    assert [record.message for record in caplog.records] == [
        "OTEL_* variables ask for traces: pip install -r requirements/otel.txt"
    ]


@pytest.mark.django_db
def test_off_a_job_keeps_no_trace(greet: Task) -> None:
    assert greet.enqueue(name="Roy").trace_context == ""


# --- On -----------------------------------------------------------------------------------------------------


@needs_otel
@pytest.mark.django_db(transaction=True)
def test_the_enqueue_and_every_attempt_are_one_trace(spans: Any, greet: Task) -> None:
    job = greet.enqueue(name="Tremblay")
    drain(raising=False)
    enqueued, first, second = spans.get_finished_spans()
    assert (enqueued.name, first.name) == (f"enqueue {greet.name}", f"run {greet.name}")
    assert first.parent.span_id == second.parent.span_id == enqueued.context.span_id
    assert {span.context.trace_id for span in (enqueued, first, second)} == {enqueued.context.trace_id}
    assert [span.attributes["bordereau.job.attempt"] for span in (first, second)] == [1, 2]
    assert first.attributes["messaging.message.id"] == str(job.pk)
    assert first.attributes["messaging.destination.name"] == "critical"


@needs_otel
@pytest.mark.django_db(transaction=True)
def test_a_caller_s_trace_goes_on_in_the_job(spans: Any, greet: Task) -> None:
    from jobs import telemetry  # noqa: PLC0415 -- needs the extra

    with telemetry.tracer().start_as_current_span("request") as request:
        greet.enqueue(name="Roy")
    drain()
    assert {span.context.trace_id for span in spans.get_finished_spans()} == {
        request.get_span_context().trace_id
    }


@needs_otel
@pytest.mark.django_db(transaction=True)
def test_f04_h04_no_value_is_in_a_span_and_no_trace_in_redis(spans: Any, greet: Task) -> None:
    job = greet.using(tenant_id=4711).enqueue(name="Tremblay")
    stored = str(dispatch.connection().hgetall(f"rq:job:{job.pk}"))
    drain(raising=False)
    for span in spans.get_finished_spans():
        assert "Tremblay" not in span.to_json()
        assert "4711" not in span.to_json()
    failed = spans.get_finished_spans()[-1]
    assert failed.attributes["error.type"] == "ValueError"
    assert failed.status.is_ok is False
    trace_id = Job.objects.get(pk=job.pk).trace_context.split("-")[1]
    assert len(trace_id) == 32
    assert trace_id not in stored


@needs_otel
@pytest.mark.django_db
@pytest.mark.parametrize("stored", ["", "nonsense", "00-zz-zz-01"])
def test_a_job_without_a_good_trace_begins_one(spans: Any, stored: str, greet: Task) -> None:
    job = greet.enqueue(name="Roy")
    Job.objects.filter(pk=job.pk).update(trace_context=stored)
    outcome = runner.run(job.pk)
    assert outcome is not None
    assert outcome.job.status == JobStatus.SUCCEEDED
    assert spans.get_finished_spans()[-1].parent is None
    assert lifecycle.Cause.CLAIMED in set(job.events.values_list("cause", flat=True))


# --- On its way out -----------------------------------------------------------------------------------------

_SEND = """
import django; django.setup()
import os, uuid
from jobs import tracing
tracing.begin()
if not os.fork():
    tracing.begin()
    tracing.of_new_job(uuid.uuid4(), "tests.task", "critical")
    tracing.flush()
    os._exit(0)
os.wait()
os._exit(0)
"""


class _Collector(BaseHTTPRequestHandler):
    """Takes spans and counts the requests."""

    bodies: list[bytes] = []

    def do_POST(self) -> None:
        """Keep the body."""
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@needs_otel
def test_a_process_that_was_forked_and_ends_at_once_sends_its_spans() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    try:
        subprocess.run([sys.executable, "-c", _SEND], env=os.environ | variables, check=True, timeout=60)
    finally:
        server.shutdown()
        server.server_close()
    assert any(b"enqueue tests.task" in body and b"bordereau" in body for body in _Collector.bodies)
