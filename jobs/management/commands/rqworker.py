"""`manage.py rqworker [QUEUE ...] [--role ROLE]`: django-rq's command, on all queues when none is named."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django_rq.management.commands.rqworker import Command as RqworkerCommand


class Command(RqworkerCommand):
    """The stock command with the project's table of queues behind it."""

    help = "Runs one worker on the named queues, on those of a role, or on all, the most urgent first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The stock options, and the role."""
        super().add_arguments(parser)  # type: ignore[no-untyped-call]  # django-rq is typed in part
        roles = sorted(settings.JOBS_WORKER_ROLES)
        parser.add_argument("--role", choices=roles, help="Serve the queues of this role (config/queues.py).")

    def handle(self, *args: str, **options: Any) -> None:
        """Work until told to stop."""
        role = options.pop("role", None)
        if args and role:
            raise CommandError("Name either queues or a role, not both.")
        super().handle(*(args or queues_of(role)), **options)  # type: ignore[no-untyped-call]  # as above


def queues_of(role: str | None) -> list[str]:
    """The queues of the role, or all of them, the most urgent first."""
    named = None if role is None else set(settings.JOBS_WORKER_ROLES[role])
    by_urgency = sorted(settings.JOBS_QUEUES, key=lambda queue: -queue.priority)
    return [queue.name for queue in by_urgency if named is None or queue.name in named]
