"""Which kind of badge a state gets."""

from validations.models import RunStatus, Severity, Verdict

STATUS_KINDS: dict[str, str] = {
    RunStatus.QUEUED: "muted",
    RunStatus.PROCESSING: "info",
    RunStatus.COMPLETED: "ok",
    RunStatus.FAILED: "error",
    RunStatus.CANCELLED: "muted",
}
SEVERITY_KINDS: dict[str, str] = {Severity.ERROR: "error", Severity.WARNING: "warn", Severity.INFO: "info"}
VERDICT_KINDS: dict[str, str] = {
    Verdict.ACCEPTED: "ok",
    Verdict.ACCEPTED_WITH_WARNINGS: "warn",
    Verdict.REFUSED: "error",
}
