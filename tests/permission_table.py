"""Who may do what: the one table that the tests go through and that `docs/permissions.md` shows.

`python -m tests.permission_table --write` writes the document anew.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "permissions.md"

ROLES = ("owner", "manager", "billing-clerk", "member", "viewer", "auditor")
ALL = ROLES
WORK = ("owner", "manager", "billing-clerk", "member")
GROUPS = ("Job viewer", "Job operator", "Job administrator")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, at which addresses (`method name`), and the roles that may."""

    title: str
    roles: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The models of the admin that staff of a group may open, and those that they may change there."""

    title: str
    # Permission -> groups.
    permissions: dict[str, tuple[str, ...]]


ACTIONS: tuple[Action, ...] = (
    Action(
        "See the files that were sent and what became of them",
        ALL,
        (
            "get validations:run-list",
            "get validations:run-list-progress",
            "get validations:batch-detail",
            "get validations:batch-progress",
            "get validations:run-detail",
            "get validations:run-progress",
            "get validations:run-compare",
            "get validations:run-fixes",
            "get api:get_validation",
            "get api:get_batch",
        ),
    ),
    Action(
        "Follow them live",
        ALL,
        (
            "stream validations:run-list-events",
            "stream validations:batch-events",
            "stream validations:run-events",
        ),
    ),
    Action("Read findings by the API", ALL, ("get api:list_findings",)),
    Action("Read what the rules say", ALL, ("get validations:rules",)),
    Action(
        "Send files",
        WORK,
        (
            "get validations:upload",
            "post validations:upload",
            "get validations:profile-template",
            "post api:create_validation",
            "post api:create_batch",
        ),
    ),
    Action(
        "Cancel, retry, check again; accept corrections",
        WORK,
        (
            "post validations:run-cancel",
            "post validations:run-retry",
            "post validations:run-again",
            "post validations:run-replaces",
            "post validations:run-decide",
            "post validations:run-check-corrected",
            "post validations:batch-cancel",
        ),
    ),
    Action(
        "Download findings, reports and corrected files",
        WORK,
        (
            "get validations:run-findings-csv",
            "post validations:run-export",
            "get validations:export-detail",
            "get validations:export-progress",
            "stream validations:export-events",
            "get validations:export-file",
            "post validations:export-cancel",
            "post api:create_export",
            "get api:get_export",
            "get api:get_export_file",
        ),
    ),
    Action("Delete runs with their findings", WORK[:3], ("post validations:run-delete",)),
    Action("Get notices", ALL, ("get notifications:open", "post notifications:read")),
    Action(
        "Change the organization's settings",
        ("owner",),
        ("get organization:general", "post organization:general"),
    ),
    Action(
        "Read and export the audit trail",
        ("owner", "manager", "auditor"),
        ("get organization:activity", "get organization:activity-csv"),
    ),
    Action(
        "See who belongs to the organization", ("owner", "manager", "auditor"), ("get organization:members",)
    ),
    Action(
        "Invite and remove people, and choose their roles",
        ("owner", "manager"),
        (
            "post organization:members",
            "post organization:member-change",
            "post organization:member-remove",
            "post organization:invitation-again",
            "post organization:invitation-revoke",
        ),
    ),
    Action("See API keys", ("owner", "manager", "auditor"), ("get organization:keys",)),
    Action(
        "Issue and revoke API keys",
        ("owner", "manager"),
        ("post organization:keys", "post organization:key-revoke"),
    ),
    Action(
        "See what each role may do",
        ("owner", "manager", "auditor"),
        (
            "get organization:roles",
            "get api:list_roles",
            "get api:preview_seeding",
            "get api:get_seeding",
        ),
    ),
    Action(
        "Change what each role may do",
        ("owner",),
        (
            "get organization:role-new",
            "post organization:role-new",
            "get organization:role-seed",
            "post organization:role-seed",
            "get organization:role-detail",
            "post organization:role-detail",
            "post organization:role-delete",
            "post api:start_seeding",
        ),
    ),
)


def _see(*models: str) -> dict[str, tuple[str, ...]]:
    return {f"jobs.view_{model}": GROUPS for model in models}


STAFF: tuple[Table, ...] = (
    Table(
        "See jobs, queues, schedules, alerts and what was done to them",
        {
            **_see("job", "attempt", "jobevent", "batch", "bulkaction", "auditentry"),
            **_see("alert", "pause", "ratelift", "schedule", "workerprocess", "operations"),
            **_see("queue_dashboard"),
        },
    ),
    Table("See the arguments and results of jobs", {"jobs.view_job_arguments": GROUPS[1:]}),
    Table(
        "Cancel, retry, discard and start jobs; acknowledge alerts; pause queues",
        dict.fromkeys(
            (
                "jobs.acknowledge_alert",
                "jobs.cancel_batch",
                "jobs.cancel_job",
                "jobs.discard_job",
                "jobs.pause_queue",
                "jobs.retry_job",
                "jobs.run_job_now",
            ),
            GROUPS[1:],
        ),
    ),
    Table(
        "Act on many jobs, retry with other arguments, lift rate limits, change schedules and Redis",
        dict.fromkeys(
            (
                "jobs.add_schedule",
                "jobs.bulk_job",
                "jobs.change_queue_dashboard",
                "jobs.change_schedule",
                "jobs.delete_schedule",
                "jobs.edit_retry_job",
                "jobs.lift_rate_limit",
                "jobs.pause_schedule",
                "jobs.run_schedule",
            ),
            GROUPS[2:],
        ),
    ),
)


def document() -> str:
    """The table as a page of the documentation."""
    lines = [
        "# Who may do what",
        "",
        "This page is written from `tests/permission_table.py`, and a test goes through every cell of it.",
        "",
        "## Members of an organization",
        "",
        "These are the templates. An organization can change its roles, except the owner's, and add roles of its own;",
        "what a person may do is read at the time of each request. Outsiders get the answer 404 everywhere.",
        "",
        *_rows(ROLES, [(action.title, action.roles) for action in ACTIONS]),
        "",
        "## Staff",
        "",
        "Staff are in no organization. A superuser may do everything; others get rights by these groups, or by single",
        "permissions of the administration.",
        "",
        *_rows(GROUPS, [(table.title, next(iter(table.permissions.values()))) for table in STAFF]),
        "",
    ]
    return "\n".join(lines)


def _rows(columns: tuple[str, ...], rows: list[tuple[str, tuple[str, ...]]]) -> list[str]:
    head = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return head + [
        f"| {title} | " + " | ".join("yes" if column in may else "–" for column in columns) + " |"
        for title, may in rows
    ]


if __name__ == "__main__":
    if "--write" in sys.argv:
        DOCUMENT.write_text(document())
    else:
        sys.stdout.write(document())
