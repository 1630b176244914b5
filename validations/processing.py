"""From a stored upload to a completed run: read, store records, check rules, store findings, settle."""

from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from jobs.context import RunningJob
from jobs.errors import FencedError, JobError, PermanentError
from organizations.border import check_border
from validations import comparing, correcting, store
from validations.earlier import hand_over
from validations.engine.build import fingerprint
from validations.engine.check import Check
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import Profile as EngineProfile
from validations.engine.report import Summary
from validations.files import FULL, engine_folder, local_copy
from validations.models import Phase, ResultSet, RunStatus, ValidationRun
from validations.ownrules import as_engine_rule, rules_for
from validations.progress import ProgressReporter, held_by
from validations.retention import delete_result_sets, trim_result_set
from validations.scanning import scan
from validations.steps import log_step


class StorageFullError(JobError):
    """There is no room for the temporary tables of a run; somebody has to make some, so it may pass."""

    code = "storage"


def process_run(job: RunningJob, run_id: str) -> dict[str, Any] | None:
    """The counts of a run that was checked now; None when there was nothing left to do.

    Safe to repeat: a result set is filled out of sight and shown by the transaction that settles the job. What an
    attempt of the same engine has stored in whole portions stays, and the next one goes on behind it.

    Raises: PermanentError when the file cannot be checked, whatever is tried; StorageFullError, temporary.
    """
    run = _run_to_check(job, run_id)
    if run is None:
        return None
    earlier = _start(job, run)
    reporter = ProgressReporter(job, run)
    result, kept = _result_set(job, run, earlier)
    try:
        own = rules_for(run)
        run.own_rules.set(own)
        rules = tuple(map(as_engine_rule, own))
        correcting.provide_file(job, run)
        with local_copy(run) as path:
            scan(job, run, path)
            with Check(path, _profile(run), _options(run), own_rules=rules) as check:
                return _check(job, run, result, check, reporter, kept)
    except UnreadableFileError as error:
        raise PermanentError(error.code, **error.params) from None
    except OSError as error:
        if error.errno in FULL:
            raise StorageFullError from None
        raise


def _run_to_check(job: RunningJob, run_id: str) -> ValidationRun | None:
    run = ValidationRun.unscoped.select_related("organization", "profile").filter(pk=UUID(run_id)).first()
    if run is None:
        return None
    check_border(job, run.organization_id, "run", run.pk)
    return None if run.status == RunStatus.COMPLETED else run


def _start(job: RunningJob, run: ValidationRun) -> list[int]:
    """The result sets that earlier attempts left; the run is now in progress.

    Raises: FencedError when another attempt has the job by now: the run is no longer this one's to change.
    """
    started_at = run.started_at or timezone.now()
    with transaction.atomic():
        if not held_by(job, run).update(
            status=RunStatus.PROCESSING, started_at=started_at, error_code="", error_params={}
        ):
            raise FencedError
        log_step(run, "started", attempt=job.attempt, max_attempts=job.max_attempts)
        # Listed while the run is locked: a set that a later attempt fills cannot be among them.
        return list(run.result_sets.values_list("pk", flat=True))


def _result_set(job: RunningJob, run: ValidationRun, earlier: list[int]) -> tuple[ResultSet, int]:
    """The result set to fill and how many rows of the file are in it already; what else was left is removed.

    A row of the file, read again by the same engine in the same way, is the same record.
    """
    left = ResultSet.unscoped.filter(pk__in=earlier, made_by=fingerprint()).order_by("-pk").first()
    kept = store.kept_rows(left) if left else 0
    if left is None or not kept:
        delete_result_sets(earlier, checkpoint=job.checkpoint)
        made = ResultSet.unscoped.create(organization_id=run.organization_id, run=run, made_by=fingerprint())
        return made, 0
    delete_result_sets([pk for pk in earlier if pk != left.pk], checkpoint=job.checkpoint)
    trim_result_set(left, kept, checkpoint=job.checkpoint)
    return left, kept


def _hold(job: RunningJob, run: ValidationRun) -> None:
    """Hold the run until the commit that follows at once; an attempt that takes over begins before it or after it.

    Raises: FencedError when another attempt has the job by now: what this one wrote would stand there twice.
    """
    locked = held_by(job, run).select_for_update(of=("self",), no_key=True)
    if locked.values_list("pk").first() is None:
        raise FencedError


def _check(
    job: RunningJob,
    run: ValidationRun,
    result: ResultSet,
    check: Check,
    reporter: ProgressReporter,
    kept: int,
) -> dict[str, Any]:
    hold = partial(_hold, job, run)
    reporter.enter(Phase.PARSING)
    reading = check.read(reporter.report)
    log_step(run, "read", rows=reading.rows, encoding=reading.encoding)
    reporter.enter(Phase.RECORDS)
    if kept:
        log_step(run, "records-kept", records=kept)
    records = store.write_records(check, result, reading.rows, reporter.report, hold=hold, kept=kept)
    log_step(run, "records-stored", records=records)
    _note_days(result, check)
    reporter.enter(Phase.RULES)
    earlier = hand_over(check, run, job.checkpoint)
    if earlier:
        log_step(run, "earlier-read", records=earlier)
    summary = check.run_rules(reporter.report)
    reporter.enter(Phase.RESULTS)
    found = sum(summary.by_severity.values())
    findings = store.write_findings(check, result, found, reporter.report, hold=hold)
    log_step(run, "findings-stored", findings=findings)
    counts = {"rows": summary.rows, **summary.by_severity}
    comparing.compare_with_previous(run, result, asdict(reading))
    with job.completing():
        _complete(run, result, asdict(reading), summary)
    return counts


def _note_days(result: ResultSet, check: Check) -> None:
    if days := check.service_days():
        result.first_day, result.last_day = days
        result.save(update_fields=["first_day", "last_day"])


def _complete(run: ValidationRun, result: ResultSet, reading: dict[str, Any], summary: Summary) -> None:
    ValidationRun.unscoped.filter(pk=run.pk).update(
        status=RunStatus.COMPLETED,
        phase="",
        progress_percent=100,
        rows_done=summary.rows,
        rows_total=summary.rows,
        finished_at=timezone.now(),
        reading=reading,
        summary=asdict(summary),
        verdict=summary.verdict,
        error_count=summary.by_severity.get("error", 0),
        warning_count=summary.by_severity.get("warning", 0),
        info_count=summary.by_severity.get("info", 0),
        amount_total_cents=summary.amount_total_cents,
        amount_at_stake_cents=summary.amount_at_stake_cents,
        result=result,
    )
    log_step(run, "completed", rows=summary.rows)


def _profile(run: ValidationRun) -> EngineProfile:
    return EngineProfile.from_descriptor(run.profile.descriptor)


def _options(run: ValidationRun) -> Options:
    # The day of the upload decides what lies in the future, so that a retry after midnight finds the same.
    today: date = timezone.localdate(run.created_at)
    return Options(
        today=today, memory_limit_mb=settings.ENGINE_MEMORY_LIMIT_MB, temp_dir=engine_folder(), **run.options
    )
