"""Runs, their findings and records, for staff; what patients are in is shown to those with a right of its own."""

from validations.admin import batches, exports, log, profiles, rows, runs, staffrules

__all__ = ["batches", "exports", "log", "profiles", "rows", "runs", "staffrules"]
