"""RQ's words for where an id stands in Redis, and the pages that list them."""

from django.utils.translation import gettext_lazy

STATE_LABELS = {
    "queued": gettext_lazy("Queued"),
    "started": gettext_lazy("Started"),
    "finished": gettext_lazy("Finished"),
    "failed": gettext_lazy("Failed"),
    "scheduled": gettext_lazy("Scheduled"),
    "deferred": gettext_lazy("Deferred"),
    "canceled": gettext_lazy("Cancelled"),
}
# State -> name of the address of its list, as django-rq has them.
STATE_PAGES = {
    "queued": "jobs",
    "started": "started_jobs",
    "finished": "finished_jobs",
    "failed": "failed_jobs",
    "scheduled": "scheduled_jobs",
    "deferred": "deferred_jobs",
    "canceled": "canceled_jobs",
}
