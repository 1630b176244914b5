"""`manage.py rqworker [QUEUE ...]`: django-rq's command, on all queues when none is named."""

from typing import Any

from django.conf import settings
from django_rq.management.commands.rqworker import Command as RqworkerCommand


class Command(RqworkerCommand):
    """The stock command with the project's table of queues behind it."""

    help = "Runs one worker on the named queues, or on all of them, the most urgent first."

    def handle(self, *args: str, **options: Any) -> None:
        """Work until told to stop."""
        by_urgency = sorted(settings.JOBS_QUEUES, key=lambda queue: -queue.priority)
        names = args or [queue.name for queue in by_urgency]
        super().handle(*names, **options)  # type: ignore[no-untyped-call]  # django-rq is typed in part
