"""The one table of queues: what each is for, how urgent it is, and the defaults of its jobs.

Order is priority: a worker without queue names serves them from top to bottom.
"""

from datetime import timedelta

from jobs.queues import QueuePolicy

QUEUES: tuple[QueuePolicy, ...] = (
    QueuePolicy(
        "critical",
        priority=100,
        lane="light",
        timeout_seconds=60,
        attempts=5,
        memory_mib=512,
        late_after=timedelta(minutes=1),
    ),
    QueuePolicy("roles", priority=90, lane="light", timeout_seconds=30, attempts=3, memory_mib=512),
    QueuePolicy("notifications", priority=80, lane="light", timeout_seconds=30, attempts=5, memory_mib=512),
    QueuePolicy(
        "emails", priority=70, lane="light", timeout_seconds=60, attempts=5, memory_mib=512, rate="100/minute"
    ),
    QueuePolicy("webhooks", priority=60, lane="light", timeout_seconds=30, attempts=10, memory_mib=512),
    # Two at a time: a validation takes a core and up to 400 MiB, and machines of this class have two cores.
    QueuePolicy(
        "validations",
        priority=50,
        concurrency=2,
        fair=True,
        timeout_seconds=3600,
        attempts=3,
        memory_mib=1024,
    ),
    QueuePolicy(
        "documents", priority=40, concurrency=2, fair=True, timeout_seconds=1800, attempts=3, memory_mib=2048
    ),
    QueuePolicy(
        "ai",
        priority=30,
        concurrency=1,
        fair=True,
        timeout_seconds=600,
        attempts=3,
        rate="10/minute",
        memory_mib=2048,
    ),
    QueuePolicy(
        "reports",
        priority=30,
        concurrency=2,
        fair=True,
        timeout_seconds=600,
        attempts=3,
        rate="20/minute",
        memory_mib=1024,
    ),
    QueuePolicy(
        "integrations",
        priority=20,
        concurrency=4,
        fair=True,
        timeout_seconds=300,
        attempts=5,
        memory_mib=1024,
    ),
    QueuePolicy("scheduled", priority=10, concurrency=4, timeout_seconds=600, attempts=3, memory_mib=1024),
    QueuePolicy(
        "maintenance",
        priority=0,
        concurrency=1,
        timeout_seconds=1800,
        attempts=3,
        memory_mib=1024,
        keep_for=timedelta(days=30),
    ),
)

# Named sets of queues, for workers that are to serve some of them only: `rqworker --role document`.
WORKER_ROLES: dict[str, tuple[str, ...]] = {
    "primary": ("critical", "roles", "notifications", "emails", "webhooks", "validations", "integrations"),
    "document": ("documents", "reports"),
    "ai": ("ai",),
    "scheduled": ("scheduled", "maintenance"),
}
