"""The one table of queues: what each is for, how urgent it is, and the defaults of its jobs.

Order is priority: a worker without queue names serves them from top to bottom.
"""

from datetime import timedelta

from jobs.queues import QueuePolicy

QUEUES: tuple[QueuePolicy, ...] = (
    QueuePolicy("critical", priority=100, concurrency=10, timeout_seconds=60, attempts=5),
    QueuePolicy("roles", priority=90, concurrency=4, timeout_seconds=30, attempts=3),
    QueuePolicy("notifications", priority=80, concurrency=10, timeout_seconds=30, attempts=5),
    QueuePolicy("emails", priority=70, concurrency=10, timeout_seconds=60, attempts=5, rate="100/minute"),
    QueuePolicy("webhooks", priority=60, concurrency=10, timeout_seconds=30, attempts=10),
    # Two at a time: a validation takes a core and up to 400 MiB, and machines of this class have two cores.
    QueuePolicy("validations", priority=50, concurrency=2, timeout_seconds=3600, attempts=3),
    QueuePolicy("documents", priority=40, concurrency=2, timeout_seconds=1800, attempts=3),
    QueuePolicy("ai", priority=30, concurrency=1, timeout_seconds=600, attempts=3, rate="10/minute"),
    QueuePolicy("reports", priority=30, concurrency=2, timeout_seconds=600, attempts=3, rate="20/minute"),
    QueuePolicy("integrations", priority=20, concurrency=4, timeout_seconds=300, attempts=5),
    QueuePolicy("scheduled", priority=10, concurrency=4, timeout_seconds=600, attempts=3),
    QueuePolicy(
        "maintenance",
        priority=0,
        concurrency=1,
        timeout_seconds=1800,
        attempts=3,
        keep_for=timedelta(days=30),
    ),
)
