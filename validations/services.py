"""What people and programs can do with runs; the only way in for pages, the API and the admin."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from jobs import audit
from jobs import services as job_services
from jobs.errors import BatchSealedError, IllegalTransitionError, RefusedError
from jobs.models import ActionKind, Job
from organizations.models import Organization, User
from validations import tasks
from validations.files import FULL, another_copy, delete_stored_file
from validations.fixes import Decisions, accepted_count, fix_counts
from validations.intake import UploadRefusedError, check_upload
from validations.models import ENDED, Finding, FixDecision, Profile, RunBatch, RunStatus, ValidationRun
from validations.options import clean_options
from validations.quotas import check_quotas, refuse_suspended
from validations.rebuilding import reading_options
from validations.steps import log_step


class FileGoneError(RefusedError):
    """The uploaded file was deleted after its run, so it cannot be checked again."""

    def __str__(self) -> str:
        return _("The uploaded file is no longer stored: it has to be sent again.")


class NothingAcceptedError(RefusedError):
    """No proposed fix was accepted, so the corrected file would be the file that was sent."""

    def __str__(self) -> str:
        return _("No fix is accepted yet: the corrected file would be the one that was sent.")


def create_run(
    *,
    organization: Organization,
    user: User,
    upload: UploadedFile[bytes],
    profile: Profile,
    options: Mapping[str, Any] | None = None,
    idempotency_key: str = "",
    replaces: ValidationRun | None = None,
    batch: RunBatch | None = None,
) -> tuple[ValidationRun, bool]:
    """The run of an uploaded file and whether it is new; its job is recorded with it.

    The same idempotency key gives the run that it gave first. Lines of the run that the file replaces do not count as
    billed.

    Raises: UploadRefusedError, with nothing stored.
    """
    if earlier := _run_with_key(organization, idempotency_key, upload):
        return earlier, False
    file_name = check_upload(upload)
    cleaned = clean_options(options or {})
    check_quotas(organization, user, upload.size or 0)
    run = ValidationRun(
        organization=organization,
        created_by=user,
        profile=profile,
        file_name=file_name,
        size_bytes=upload.size or 0,
        sha256=getattr(upload, "sha256", ""),
        options=cleaned,
        idempotency_key=idempotency_key,
        replaces=replaces,
        batch=batch,
    )
    _store_file(run, upload)
    try:
        _record(run, user)
    except IntegrityError:
        # Somebody was faster with the same key; without one it is an error like any other.
        earlier = _run_with_key(organization, idempotency_key, upload)
        if earlier is None:
            raise
        return earlier, False
    return run, True


def cancel_run(*, run: ValidationRun, by: User) -> bool:
    """Whether the run's job was cancelled or asked to stop; a run that has ended stays as it is."""
    return run.job is not None and bool(job_services.cancel_job(job=run.job, by=by))


def retry_run(*, run: ValidationRun, by: User) -> bool:
    """Whether a failed or cancelled run was put back to be checked again.

    Raises: FileGoneError when the uploaded file is no longer stored; UploadRefusedError for a suspended
    organization.
    """
    if run.status not in (RunStatus.FAILED, RunStatus.CANCELLED) or run.job is None:
        return False
    if not run.file and not run.corrections:
        raise FileGoneError
    refuse_suspended(run.organization)
    try:
        return bool(job_services.retry_job(job=run.job, by=by))
    except IllegalTransitionError:
        # Somebody else was faster: the job goes on already.
        return False


def follow_restart(*, job: Job, replaces: Job | None, by: User | None) -> None:
    """The run of a job that a person gave another chance waits again, wherever that person pressed the button.

    Raises: RefusedError, in words, when the run cannot be checked again; the job then stays ended too.
    """
    run = ValidationRun.unscoped.select_related("organization").filter(job=replaces or job).first()
    if run is None:
        return
    if replaces is not None:
        raise RefusedError(_("Use “Run again” on the page of the run: it asks what may be changed."))
    try:
        refuse_suspended(run.organization)
    except UploadRefusedError:
        raise RefusedError(_("The organization is suspended.")) from None
    _put_back(run)
    log_step(run, "retried", **({"user_id": by.pk} if by else {}))


def run_again(
    *,
    run: ValidationRun,
    by: User,
    options: Mapping[str, Any],
    profile: Profile,
    replaces: ValidationRun | None = None,
) -> ValidationRun:
    """A new run of the same stored file, read in another way, checked by another profile, or replacing another file.

    Raises: FileGoneError when the file is no longer stored; UploadRefusedError for invalid options, and where
    an upload would be refused.
    """
    if not run.file:
        raise FileGoneError
    check_quotas(run.organization, by, run.size_bytes)
    again = ValidationRun(
        organization=run.organization,
        created_by=by,
        profile=profile,
        repeats=run,
        replaces=replaces,
        file_name=run.file_name,
        size_bytes=run.size_bytes,
        sha256=run.sha256,
        options=clean_options(options),
    )
    try:
        with another_copy(run) as stored:
            _store_file(again, stored)
    except FileNotFoundError:
        raise FileGoneError from None
    _record(again, by)
    return again


def check_as_replacement(*, run: ValidationRun, earlier: ValidationRun, by: User) -> ValidationRun:
    """A new run that counts no line of the earlier run as billed: this run's file corrects that one's.

    It is of the same stored file; once that is deleted, of the table that it held.

    Raises: UploadRefusedError where an upload would be refused.
    """
    try:
        return run_again(run=run, by=by, options=run.options, profile=run.profile, replaces=earlier)
    except FileGoneError:
        pass
    check_quotas(run.organization, by, run.size_bytes)
    again = ValidationRun(
        organization=run.organization,
        created_by=by,
        profile=run.profile,
        repeats=run,
        replaces=earlier,
        file_name=run.file_name,
        size_bytes=0,
        options=run.options | reading_options(run),
        corrections=Decisions().to_json(),
    )
    _record(again, by)
    return again


def decide_fixes(
    *, run: ValidationRun, by: User, codes: Iterable[str], is_accepted: bool, finding: Finding | None = None
) -> int:
    """How many cells the decision is about: the one of a finding, or all that the rules propose to change.

    A decision about a rule replaces those about its findings. It can be taken back by the opposite one.
    """
    counts = fix_counts(run)
    known = [code for code in dict.fromkeys(codes) if counts.get(code)]
    with transaction.atomic():
        # Two people who decide at once wait for each other.
        ValidationRun.unscoped.select_for_update().get(pk=run.pk)
        decisions = FixDecision.objects.for_organization(run.organization_id).filter(run=run)
        for code in known:
            of_rule = decisions.filter(code=code)
            (of_rule.filter(finding=finding) if finding else of_rule).delete()
            FixDecision.unscoped.create(
                organization_id=run.organization_id,
                run=run,
                code=code,
                finding=finding,
                is_accepted=is_accepted,
                decided_by=by,
            )
            changed = 1 if finding else counts[code]
            step = "fixes-accepted" if is_accepted else "fixes-undone"
            log_step(run, step, rule=code, count=changed, user_id=by.pk)
    return sum(1 if finding else counts[code] for code in known)


def check_corrected(*, run: ValidationRun, by: User) -> ValidationRun:
    """A new run of the corrected file, which the worker writes from the run's table and the accepted fixes.

    Raises: NothingAcceptedError where no fix is accepted; UploadRefusedError where an upload would be refused.
    """
    decisions = Decisions.of(run)
    if not accepted_count(run, decisions):
        raise NothingAcceptedError
    check_quotas(run.organization, by, run.size_bytes)
    corrected = ValidationRun(
        organization=run.organization,
        created_by=by,
        profile=run.profile,
        repeats=run,
        file_name=_corrected_name(run.file_name),
        size_bytes=0,
        options=run.options | reading_options(run),
        corrections=decisions.to_json(),
    )
    _record(corrected, by)
    return corrected


def delete_run(*, run: ValidationRun, by: User) -> None:
    """Remove a run with its records, findings and file; one that is still running is cancelled first."""
    cancel_run(run=run, by=by)
    with transaction.atomic():
        # Locked: a worker that writes rows which name the run waits, and then finds no run.
        if not ValidationRun.unscoped.select_for_update().filter(pk=run.pk).first():
            return
        tasks.delete_results.using(tenant_id=run.organization_id).enqueue(
            result_ids=list(run.result_sets.values_list("pk", flat=True))
        )
        run.result_sets.update(run=None)
        audit.record(
            by,
            ActionKind.DELETE_RUN,
            "run",
            run.pk,
            tenant_id=run.organization_id,
            details={"rows": run.rows_total, "status": run.status},
        )
        made = [str(export.file.name) for export in run.exports.exclude(file="").only("file")]
        run.delete()
        if run.batch_id is not None:
            RunBatch.objects.for_organization(run.organization_id).filter(pk=run.batch_id, runs=None).delete()
    delete_stored_file(run)
    for name in made:
        default_storage.delete(name)


def _corrected_name(name: str) -> str:
    """The name of the corrected file, which says so once however often it is corrected."""
    word = _("corrected")
    path, mark = PurePosixPath(name), f" ({word})"
    return f"{path.stem.removesuffix(mark)[: 200 - len(mark)]}{mark}{path.suffix}"


def _record(run: ValidationRun, user: User) -> None:
    """Commit the run with its job, or remove its stored file."""
    try:
        with transaction.atomic():
            _insert(run, user)
    except BaseException:
        # A commit whose answer was lost may have happened: a file with a row is needed, one without is swept.
        if not ValidationRun.unscoped.filter(pk=run.pk).exists():
            delete_stored_file(run)
        raise


def _put_back(run: ValidationRun) -> None:
    """The ended run waits again.

    Raises: FileGoneError when its file was deleted in the meantime.
    """
    stored = ValidationRun.unscoped.filter(pk=run.pk, status__in=ENDED).exclude(file="", corrections={})
    if not stored.update(
        status=RunStatus.QUEUED,
        phase="",
        progress_percent=0,
        finished_at=None,
        error_code="",
        error_params={},
    ):
        raise FileGoneError


def _insert(run: ValidationRun, user: User) -> None:
    # Asked again while nobody else of the organization can send: of many files at once none passes the limit.
    organization = Organization.objects.select_for_update(no_key=True).get(pk=run.organization_id)
    check_quotas(organization, user, run.size_bytes)
    run.job = _enqueued(run)
    run.save(force_insert=True)
    log_step(run, "received", user_id=user.pk, size_bytes=run.size_bytes)
    details = {"size_bytes": run.size_bytes}
    audit.record(user, ActionKind.SEND_FILE, "run", run.pk, tenant_id=run.organization_id, details=details)


def _enqueued(run: ValidationRun) -> Job:
    """The job of the run, in the batch of the files that it was sent with while that takes more."""
    job_batch = run.batch.job_batch if run.batch else None
    task = tasks.validate_run.using(tenant_id=run.organization_id, batch=job_batch)
    try:
        return task.enqueue(run_id=str(run.pk))
    except BatchSealedError:
        # The same form came once more with another file: that one is told by itself.
        return tasks.validate_run.using(tenant_id=run.organization_id).enqueue(run_id=str(run.pk))


def _run_with_key(organization: Organization, key: str, upload: UploadedFile[bytes]) -> ValidationRun | None:
    """The run that the key gave first.

    Raises: UploadRefusedError when that was for another file: answering with it would lose this one.
    """
    if not key:
        return None
    runs = ValidationRun.objects.for_organization(organization)
    found: ValidationRun | None = runs.filter(idempotency_key=key).select_related("job").first()
    if found and found.sha256 != getattr(upload, "sha256", found.sha256):
        raise UploadRefusedError("idempotency-key-reused", status=409)
    return found


def _store_file(run: ValidationRun, upload: File[bytes]) -> None:
    try:
        run.file.save(run.file_name, upload, save=False)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UploadRefusedError("storage", status=507) from None
