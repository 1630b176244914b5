"""The admin pages of the job platform."""

from jobs.admin import dashboard, jobs

__all__ = ["dashboard", "jobs"]
