"""The tables of the platform; a job's status changes through `jobs.lifecycle` alone."""

from jobs.models.composition import (
    Batch,
    BatchStatus,
    CatchUp,
    JobDependency,
    OnParentFailure,
    Overlap,
    Schedule,
)
from jobs.models.control import ActionKind, AuditEntry, BulkAction, Pause, RateLift, RateSlot
from jobs.models.job import Attempt, Job, JobEvent
from jobs.models.sight import (
    Alert,
    AlertKind,
    DayStat,
    HourStat,
    Leadership,
    MinuteStat,
    Stat,
    TaskTotal,
    WorkerProcess,
)
from jobs.statuses import (
    ACTIVE_STATUSES,
    FINAL_STATUSES,
    WAITING_STATUSES,
    AttemptOutcome,
    HoldReason,
    JobStatus,
)

__all__ = [
    "ACTIVE_STATUSES",
    "FINAL_STATUSES",
    "WAITING_STATUSES",
    "ActionKind",
    "Alert",
    "AlertKind",
    "Attempt",
    "AttemptOutcome",
    "AuditEntry",
    "Batch",
    "BatchStatus",
    "BulkAction",
    "CatchUp",
    "DayStat",
    "HoldReason",
    "HourStat",
    "Job",
    "JobDependency",
    "JobEvent",
    "JobStatus",
    "Leadership",
    "MinuteStat",
    "OnParentFailure",
    "Overlap",
    "Pause",
    "RateLift",
    "RateSlot",
    "Schedule",
    "Stat",
    "TaskTotal",
    "WorkerProcess",
]
