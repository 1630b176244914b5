"""The one table of schedules that come with the site; after a migration each is a row that staff can change.

A row that nobody has changed follows this table; one that somebody changed stays as it is; one that was deleted
comes back. Names are shown in the language of the reader. Times are in the site's zone unless a row names another.
"""

from django.utils.translation import gettext_noop as _

from jobs.shipped import Shipped

SCHEDULES: tuple[Shipped, ...] = (
    # After midnight, when nobody sends files; a missed night is made up for once.
    Shipped(_("Sweep files"), task="validations.sweep_files", cron="40 2 * * *"),
    Shipped(_("Prune jobs"), task="jobs.prune", cron="10 3 * * *"),
)
