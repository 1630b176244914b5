"""`manage.py seed_roles`: the default roles of one organization or of all, at a deploy or by hand."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs.batches import progress_of
from jobs.context import INLINE
from jobs.models import Job, JobStatus
from organizations import seeding, seedjobs
from organizations.models import Organization


class Command(BaseCommand):
    """Asks for the jobs, and says whether a worker gets them or they have run here because there is no Redis."""

    help = "Give organizations their default roles, or bring them up to the newest templates. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which organizations, and how far."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--organization", metavar="SLUG", help="the address of one organization")
        which.add_argument("--all", action="store_true", help="every organization, as one batch of jobs")
        parser.add_argument("--force", action="store_true", help="restore roles that were changed, too")
        parser.add_argument(
            "--preview", action="store_true", help="say what would change, and change nothing"
        )

    def handle(self, *_args: str, **options: Any) -> None:
        """Ask, or preview.

        Raises: CommandError for an organization that does not exist, and when a direct run failed.
        """
        chosen = None if options["all"] else [self._organization(options["organization"])]
        if options["preview"]:
            for organization in chosen or Organization.objects.order_by("pk").iterator():
                self._preview(organization, force=options["force"])
        elif chosen:
            self._tell_one(seedjobs.request_seeding(chosen[0], force=options["force"]))
        else:
            self._seed_all(force=options["force"])

    def _organization(self, slug: str) -> Organization:
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"There is no organization “{slug}”.")
        return organization

    def _preview(self, organization: Organization, *, force: bool) -> None:
        changes = seeding.preview(organization, force=force)
        for change in changes:
            signs = [
                *(f"+{one}" for one in sorted(change.added)),
                *(f"-{one}" for one in sorted(change.removed)),
            ]
            shown = "" if change.what == seeding.What.CREATE else " ".join(["", *signs])
            self.stdout.write(f"{organization.slug}: {change.what} {change.template.key}{shown}")
        if not changes:
            self.stdout.write(f"{organization.slug}: nothing to do")

    def _tell_one(self, job: Job) -> None:
        # Without Redis it has run by now, and the row knows.
        job.refresh_from_db()
        if job.worker != INLINE:
            self.stdout.write(f"queued: job {job.pk}")
        elif job.status == JobStatus.SUCCEEDED:
            self.stdout.write(f"direct: job {job.pk} is done")
        else:
            raise CommandError(f"direct: job {job.pk} did not end well; the administration shows why.")

    def _seed_all(self, *, force: bool) -> None:
        batch = seedjobs.request_seeding_of_all(force=force)
        batch.refresh_from_db()
        direct = batch.jobs.filter(worker=INLINE).count()
        done = progress_of(batch).by_status.get(JobStatus.SUCCEEDED, 0)
        self.stdout.write(f"{batch.total} organizations: {batch.total - direct} queued, {direct} direct")
        self.stdout.write(f"batch {batch.pk}: {done} of {batch.total} done")
