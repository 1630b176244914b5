"""Files that were sent together: one progress, one summary, one piece of news, one button to cancel them all."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from jobs import batches as job_batches
from organizations.models import Organization, User
from validations import services, tasks
from validations.intake import UploadRefusedError, display_name
from validations.models import Profile, RunBatch, ValidationRun


@dataclass(frozen=True, slots=True)
class Received:
    """What became of files that were sent together; no batch where none of them came in."""

    batch: RunBatch | None
    runs: list[ValidationRun]
    refusals: list[tuple[UploadedFile[bytes], UploadRefusedError]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that did not come in, and why, in the reader's language."""

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Where the files of a batch are and what was found in them."""

    runs: list[ValidationRun]
    refusals: list[Refusal]
    counts: Counter[str]
    percent: int
    rows: int
    errors: int
    warnings: int
    amount_total_cents: int
    amount_at_stake_cents: int

    @property
    def active(self) -> int:
        """The files that are still waited for."""
        return self.counts["active"]

    @property
    def ready(self) -> int:
        """The files that may be sent to the payer."""
        return self.counts["accepted"] + self.counts["accepted_with_warnings"]

    @property
    def findings(self) -> int:
        """Errors and warnings together."""
        return self.errors + self.warnings

    @property
    def done(self) -> int:
        """The files whose check is over, however it ended."""
        return len(self.runs) - self.active


def receive(
    *,
    organization: Organization,
    user: User,
    files: Sequence[UploadedFile[bytes]],
    profile: Profile,
    options: Mapping[str, Any],
    key: str,
) -> Received:
    """One run for each file that may come in, all of one batch, each accepted or refused by itself.

    The same key with the same files gives the batch and the runs that it gave first.
    """
    batch = _opened(organization, user, key)
    runs, refusals = [], []
    try:
        for index, file in enumerate(files):
            try:
                run, _is_new = services.create_run(
                    organization=organization,
                    user=user,
                    upload=file,
                    profile=profile,
                    options=options,
                    idempotency_key=key_of(key, index, file),
                    batch=batch,
                )
            except UploadRefusedError as refusal:
                refusals.append((file, refusal))
            else:
                runs.append(run)
    except BaseException:
        # What came in before is checked, and told, all the same.
        if runs:
            seal(batch)
        raise
    if not runs:
        _drop(batch)
        return Received(None, runs, refusals)
    batch.refused = [
        {"name": display_name(file.name or ""), "code": refusal.code, "params": refusal.params}
        for file, refusal in refusals
    ]
    batch.save(update_fields=["refused"])
    seal(batch)
    return Received(batch, runs, refusals)


def key_of(key: str, index: int, file: UploadedFile[bytes]) -> str:
    """The idempotency key of one file of a form; the content belongs to it: another file there is another run."""
    return f"{key}-{index}-{getattr(file, 'sha256', '')[:16]}"


def seal(batch: RunBatch) -> None:
    """No more files come: the batch ends with the last of its runs."""
    if batch.job_batch is not None:
        job_batches.seal_batch(batch.job_batch)


def cancel(*, batch: RunBatch, by: User) -> bool:
    """Whether runs of the batch still went on: those that wait are cancelled, the others asked to stop."""
    going = batch.job_batch is not None and job_batches.cancel_batch(batch=batch.job_batch, by=by)
    # What was started again after the batch had ended stands outside of it.
    further = [services.cancel_run(run=run, by=by) for run in summary(batch).runs if run.is_active]
    return going or any(further)


def summary(batch: RunBatch) -> Summary:
    """Where the files of the batch are now, in the order in which they were sent."""
    runs = list(
        batch.runs.select_related("job", "created_by").defer("reading", "summary").order_by("created_at")
    )
    return Summary(
        runs=runs,
        refusals=[
            Refusal(row["name"], row["code"], UploadRefusedError(row["code"], **row["params"]).message)
            for row in batch.refused
        ],
        counts=Counter(_stand(run) for run in runs),
        percent=_percent(runs),
        rows=sum(run.rows_total or 0 for run in runs),
        errors=sum(run.error_count for run in runs),
        warnings=sum(run.warning_count for run in runs),
        amount_total_cents=sum(run.amount_total_cents or 0 for run in runs),
        amount_at_stake_cents=sum(run.amount_at_stake_cents or 0 for run in runs),
    )


def _stand(run: ValidationRun) -> str:
    """How the run counts in a summary: its verdict, or failed, cancelled or active."""
    return "active" if run.is_active else run.verdict or run.status


def find_batch(organization: Organization, batch_id: UUID) -> RunBatch | None:
    """The organization's batch of that id."""
    batches = RunBatch.objects.for_organization(organization).select_related(
        "organization", "job_batch", "created_by"
    )
    found: RunBatch | None = batches.filter(pk=batch_id).first()
    return found


def _opened(organization: Organization, user: User, key: str) -> RunBatch:
    """The batch that has this key, made where there is none yet."""
    with transaction.atomic():
        # Locked: a form that is sent twice at once makes one batch.
        Organization.objects.select_for_update().get(pk=organization.pk)
        batches = RunBatch.objects.for_organization(organization).select_related("job_batch")
        found: RunBatch | None = batches.filter(key=key).first()
        if found is not None:
            return found
        batch = RunBatch(organization=organization, created_by=user, key=key)
        batch.job_batch = job_batches.open_batch(
            "files sent together",
            tenant_id=organization.pk,
            then=tasks.announce_batch,
            run_batch_id=str(batch.pk),
        )
        batch.save(force_insert=True)
    return batch


def _drop(batch: RunBatch) -> None:
    """Remove the batch that no file came into; one that had runs before stays."""
    if batch.runs.exists():
        return
    batch.delete()
    if batch.job_batch is not None:
        job_batches.discard_batch(batch.job_batch)


def _percent(runs: Iterable[ValidationRun]) -> int:
    """How much is done, a large file counting as more than a small one; 100 only when nothing is left."""
    done = whole = 0
    for run in runs:
        weight = max(run.size_bytes, 1)
        whole += weight * 100
        done += weight * (min(run.progress_percent, 99) if run.is_active else 100)
    return done * 100 // whole if whole else 100
