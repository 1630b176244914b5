"""The admin pages of the job platform."""

from jobs.admin import audittrail, batches, dashboard, history, jobs, schedules

__all__ = ["audittrail", "batches", "dashboard", "history", "jobs", "schedules"]
