"""The settings of a worker that gives each job of `critical` a process of its own, as stock RQ does."""

from dataclasses import replace

from tests.support import worker_settings as tests

globals().update({name: getattr(tests, name) for name in dir(tests) if name.isupper()})

JOBS_QUEUES = tuple(
    replace(queue, lane="heavy") if queue.name == "critical" else queue for queue in tests.JOBS_QUEUES
)
