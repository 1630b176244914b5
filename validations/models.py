"""A run is one validation of one uploaded file; its records and findings hang on one result set."""

import uuid
from pathlib import PurePath

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from organizations.tenancy import TenantModel
from validations.engine.texts import OWN_PREFIX


class Profile(models.Model):
    """A file format: a Table Schema with the settings of the rules; shipped, or an organization's own."""

    # Empty for the profiles that the product ships.
    organization = models.ForeignKey(
        "organizations.Organization",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("organization"),
    )
    name = models.SlugField(_("name"), max_length=60)
    title_en = models.CharField(_("title in English"), max_length=120)
    title_fr = models.CharField(_("title in French"), max_length=120)
    # A change makes a new row with the next version, so that an old run's report can be made again.
    version = models.PositiveIntegerField(_("version"), default=1)
    descriptor = models.JSONField(_("Table Schema and rules"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(
                "organization", "name", "version", name="validations_profile_version", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def title(self) -> str:
        """The name of the file format in the reader's language."""
        return self.title_fr if (get_language() or "en").startswith("fr") else self.title_en


class RunStatus(models.TextChoices):
    """Where a run is. Completed means the file was read and checked, whatever was found in it."""

    QUEUED = "queued", _("Waiting")
    PROCESSING = "processing", _("In progress")
    COMPLETED = "completed", pgettext_lazy("run", "Completed")
    FAILED = "failed", _("Could not be processed")
    CANCELLED = "cancelled", pgettext_lazy("run", "Cancelled")


# The final states.
ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


class Phase(models.TextChoices):
    """What a running validation is doing; each takes a fixed part of the progress bar."""

    PARSING = "parsing", _("Reading the file")
    RECORDS = "records", _("Storing records")
    RULES = "rules", _("Checking rules")
    RESULTS = "results", _("Storing results")


class Verdict(models.TextChoices):
    """What the findings mean for sending the file."""

    ACCEPTED = "accepted", _("Ready to send")
    ACCEPTED_WITH_WARNINGS = "accepted_with_warnings", _("Ready, with warnings")
    REFUSED = "refused", _("Errors to fix")


def upload_path(run: "ValidationRun", filename: str) -> str:
    """A generated name inside the organization's folder; nothing of the sender's name but its extension."""
    return f"uploads/{run.organization_id}/{run.id}{PurePath(filename).suffix.lower()[:8]}"


class RunBatch(TenantModel):
    """Files that were sent together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("sent by"),
    )
    created_at = models.DateTimeField(_("sent"), auto_now_add=True)
    # The jobs of its runs, which the platform follows as one.
    job_batch = models.OneToOneField(
        "jobs.Batch", on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("jobs")
    )
    # What the sender calls it: the same key again gives the same batch.
    key = models.CharField(max_length=100)
    # The files that did not come in: name, and the code and params of validations.intake.UploadRefusedError.
    refused = models.JSONField(_("refused files"), default=list, blank=True)

    class Meta:
        verbose_name = _("files sent together")
        verbose_name_plural = _("files sent together")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["-created_at"], name="validations_batch_newest")]
        constraints = [models.UniqueConstraint("organization", "key", name="validations_batch_key")]

    def __str__(self) -> str:
        return str(self.pk)[:8]


class ValidationRun(TenantModel):
    """One validation of one uploaded file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("sent by"),
    )
    profile = models.ForeignKey(
        Profile, on_delete=models.PROTECT, related_name="+", verbose_name=_("profile")
    )
    job = models.OneToOneField("jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The run that this one repeats, when it was started by "run again".
    repeats = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The run whose file this one's file corrects, as its sender said: what that one holds was never billed.
    replaces = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    file = models.FileField(_("file"), upload_to=upload_path, max_length=200, blank=True)
    file_name = models.CharField(_("file name"), max_length=255)
    size_bytes = models.BigIntegerField(_("size in bytes"))
    sha256 = models.CharField("SHA-256", max_length=64)
    file_deleted_at = models.DateTimeField(_("file deleted"), null=True, blank=True)
    # What was decided about fixes when this run was started as the corrected file of the one it repeats
    # (validations.fixes.Decisions); its file is then written by the worker.
    corrections = models.JSONField(default=dict, blank=True)
    # What the sender set by hand: encoding, delimiter, quotechar, escapechar, header_line, sheet.
    options = models.JSONField(_("reading options"), default=dict, blank=True)
    idempotency_key = models.CharField(max_length=100, blank=True)
    # The files that it was sent with.
    batch = models.ForeignKey(
        RunBatch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("sent together with"),
    )

    status = models.CharField(_("status"), max_length=12, choices=RunStatus, default=RunStatus.QUEUED)
    phase = models.CharField(_("phase"), max_length=10, choices=Phase, blank=True)
    progress_percent = models.PositiveSmallIntegerField(_("progress"), default=0)
    rows_done = models.BigIntegerField(default=0)
    rows_total = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(_("sent"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # Why it could not be processed: a code of validations.failures and what its sentence needs.
    error_code = models.CharField(max_length=60, blank=True)
    error_params = models.JSONField(default=dict, blank=True)

    # The versions of staff's own rules that it was checked by, so that its report can be made again.
    own_rules = models.ManyToManyField("validations.StaffRule", related_name="+", blank=True)
    # How the file was read and what was found, as the engine said it (engine.Reading, engine.Summary).
    reading = models.JSONField(default=dict, blank=True)
    summary = models.JSONField(default=dict, blank=True)
    verdict = models.CharField(_("verdict"), max_length=24, choices=Verdict, blank=True)
    error_count = models.BigIntegerField(_("errors"), default=0)
    warning_count = models.BigIntegerField(_("warnings"), default=0)
    info_count = models.BigIntegerField(_("remarks"), default=0)
    amount_total_cents = models.BigIntegerField(null=True, blank=True)
    amount_at_stake_cents = models.BigIntegerField(null=True, blank=True)
    # The one set of records and findings that is visible; set in the transaction that completes the run.
    result = models.OneToOneField(
        "validations.ResultSet", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-created_at"]
        permissions = [("export_finding", "Can download findings")]
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="validations_run_newest"),
            # Staff look at the runs of all organizations.
            models.Index(fields=["-created_at"], name="validations_run_newest_of_all"),
            models.Index(fields=["status", "-created_at"], name="validations_run_status_of_all"),
            models.Index(fields=["organization", "status", "-created_at"], name="validations_run_status"),
            models.Index(fields=["organization", "sha256"], name="validations_run_content"),
            models.Index(fields=["organization", "file_name", "-created_at"], name="validations_run_name"),
        ]
        constraints = [
            models.UniqueConstraint(
                "organization",
                "idempotency_key",
                condition=~models.Q(idempotency_key=""),
                name="validations_run_idempotent",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_active(self) -> bool:
        """Whether the run has not reached its final state."""
        return self.status in (RunStatus.QUEUED, RunStatus.PROCESSING)


class ResultSet(TenantModel):
    """The records and findings of one attempt at a run; invisible until the run points at it."""

    # Empty once the run was deleted: the rows, which may be millions, are removed in the background.
    run = models.ForeignKey(ValidationRun, on_delete=models.SET_NULL, null=True, related_name="result_sets")
    created_at = models.DateTimeField(auto_now_add=True)
    # The build of the engine that fills it (engine.build): only the same one may go on where it stopped.
    made_by = models.CharField(max_length=64, blank=True)
    # The dates of service in it, so that a later run knows without looking whether it could meet one.
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("result set")
        verbose_name_plural = _("result sets")

    def __str__(self) -> str:
        return f"{self.run_id}/{self.pk}"


class BillingRecord(TenantModel):
    """One line of a billing file, typed; columns that the profile does not know are in `extra`."""

    # Written in bulk and removed with their set, whose own reference the database checks: to check it for each row
    # again takes a quarter of the time that the rows take.
    organization = models.ForeignKey(
        "organizations.Organization",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("organization"),
    )
    result = models.ForeignKey(ResultSet, on_delete=models.CASCADE, related_name="records", db_index=False)
    line = models.BigIntegerField(_("line"))
    row = models.BigIntegerField(_("row"))
    row_no = models.BigIntegerField(_("number"), null=True, blank=True)
    invoice_number = models.TextField(_("invoice"), blank=True)
    record_id = models.TextField(_("record id"), blank=True)
    service_date = models.DateField(_("date of service"), null=True, blank=True)
    start_time = models.TimeField(_("start"), null=True, blank=True)
    end_time = models.TimeField(_("end"), null=True, blank=True)
    period = models.TextField(_("period"), blank=True)
    place = models.TextField(_("place"), blank=True)
    sector = models.TextField(_("sector"), blank=True)
    diagnosis = models.TextField(_("diagnosis"), blank=True)
    code = models.TextField(_("code"), blank=True)
    units = models.DecimalField(_("units"), max_digits=12, decimal_places=2, null=True, blank=True)
    role = models.TextField(_("role"), blank=True)
    context = models.TextField(_("context"), blank=True)
    amount_cents = models.BigIntegerField(_("amount in cents"), null=True, blank=True)
    amount_paid_cents = models.BigIntegerField(_("paid in cents"), null=True, blank=True)
    provider = models.TextField(_("provider"), blank=True)
    patient = models.TextField(_("patient"), blank=True)
    # Unmapped columns by their label; also, by field name, the text of cells not in the plain form, read or not.
    extra = models.JSONField(_("other columns"), default=dict, blank=True)

    class Meta:
        verbose_name = _("billing record")
        verbose_name_plural = _("billing records")
        indexes = [models.Index(fields=["result", "row"], name="validations_record_row")]

    def __str__(self) -> str:
        return f"{self.result_id}:{self.line}"


class Severity(models.TextChoices):
    """How much a finding matters."""

    ERROR = "error", _("Error")
    WARNING = "warning", _("Warning")
    INFO = "info", _("Remark")


# A finding without an amount stands with those of nothing, whichever way a list is sorted.
AMOUNT_ORDER = Coalesce("amount_cents", 0)


class Finding(TenantModel):
    """One thing to fix or to know; its sentence is made from code and params in the reader's language."""

    organization = models.ForeignKey(
        "organizations.Organization",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("organization"),
    )
    result = models.ForeignKey(ResultSet, on_delete=models.CASCADE, related_name="findings", db_index=False)
    code = models.CharField(_("rule"), max_length=60)
    severity = models.CharField(_("severity"), max_length=7, choices=Severity)
    # Empty for what concerns the whole file.
    line = models.BigIntegerField(_("line"), null=True, blank=True)
    row = models.BigIntegerField(_("row"), null=True, blank=True)
    column_index = models.IntegerField(null=True, blank=True)
    column_label = models.TextField(_("column"), blank=True)
    field = models.CharField(max_length=60, blank=True)
    value = models.TextField(_("value"), blank=True)
    params = models.JSONField(default=dict, blank=True)
    # NULL is no suggestion; an empty text suggests an empty cell.
    suggestion = models.TextField(_("suggestion"), null=True, blank=True)  # noqa: DJ001 -- see above
    amount_cents = models.BigIntegerField(_("amount at stake in cents"), null=True, blank=True)
    # The same for the same fault of the same record in another run (engine.identity); NULL before there were any.
    key = models.BigIntegerField(null=True, blank=True)
    # Set by `validations.veil` on a row that a reader without the right is about to see.
    is_veiled = False

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        # Behind the id stand columns that filters ask for: a page far down the list is found without reading rows.
        indexes = [
            models.Index(
                fields=["result", "code", "line", "id", "severity", "column_index"],
                name="validations_finding_rule",
            ),
            models.Index(
                fields=["result", "line", "id", "severity", "column_index"], name="validations_finding_place"
            ),
            models.Index(
                fields=["result", "value", "line", "id", "code", "severity", "column_index"],
                name="validations_finding_value",
            ),
            models.Index(fields=["result", "key"], name="validations_finding_key"),
            # PostgreSQL reads an expression out of an index only where its column stands there as well.
            models.Index(
                "result",
                AMOUNT_ORDER,
                "line",
                "id",
                "code",
                "severity",
                "column_index",
                "amount_cents",
                name="validations_finding_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} ({self.line})"


class StaffRule(models.Model):
    """One version of a rule that staff wrote as a query; what it says and asks never changes, a change is a new row."""

    # Empty for a rule that holds for every organization.
    organization = models.ForeignKey(
        "organizations.Organization",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("organization"),
        help_text=_("Leave empty for all organizations."),
    )
    # Findings carry it behind "own-", so that it names one rule in the whole installation.
    name = models.SlugField(_("name"), max_length=40)
    version = models.PositiveIntegerField(_("version"), default=1)
    profile_name = models.SlugField(_("profile"), max_length=60)
    severity = models.CharField(_("severity"), max_length=7, choices=Severity, default=Severity.WARNING)
    title_en = models.CharField(_("title in English"), max_length=120)
    title_fr = models.CharField(_("title in French"), max_length=120)
    message_en = models.CharField(_("message in English"), max_length=300)
    message_fr = models.CharField(_("message in French"), max_length=300)
    explanation_en = models.CharField(_("why, in English"), max_length=500)
    explanation_fr = models.CharField(_("why, in French"), max_length=500)
    fix_en = models.CharField(_("how to fix it, in English"), max_length=300)
    fix_fr = models.CharField(_("how to fix it, in French"), max_length=300)
    sql = models.TextField(_("query"))
    # At most one version of a name is on.
    is_on = models.BooleanField(_("on"), default=False, editable=False)
    # What it would have found in a past run: counts and lines, never a cell.
    trial = models.JSONField(default=dict, blank=True, editable=False)
    tried_at = models.DateTimeField(_("tried"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name = _("own rule")
        verbose_name_plural = _("own rules")
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint("name", "version", name="validations_staffrule_version"),
            models.UniqueConstraint(
                "name", condition=models.Q(is_on=True), name="validations_staffrule_one_on"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def code(self) -> str:
        """What its findings are known by."""
        return OWN_PREFIX + self.name

    @property
    def title(self) -> str:
        """The name of the rule in the reader's language."""
        return self.title_fr if (get_language() or "en").startswith("fr") else self.title_en


class FixDecision(TenantModel):
    """What a person decided about a proposed fix: about one finding, or about all findings of a rule.

    The decision about one finding stands above the one about its rule. Without any, a cell stays as it is.
    """

    run = models.ForeignKey(ValidationRun, on_delete=models.CASCADE, related_name="fix_decisions")
    code = models.CharField(_("rule"), max_length=60)
    # Empty for all findings of the rule. Findings are removed in bulk, after their run and with it this row.
    finding = models.ForeignKey(
        Finding, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    is_accepted = models.BooleanField(_("accepted"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided"), auto_now=True)

    class Meta:
        verbose_name = _("decision about a fix")
        verbose_name_plural = _("decisions about fixes")
        constraints = [
            models.UniqueConstraint(
                "run", "code", "finding", name="validations_fix_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.finding_id or ''}"


class Comparison(TenantModel):
    """How the findings of a run differ from those of an earlier one, counted once: both never change."""

    run = models.ForeignKey(ValidationRun, on_delete=models.CASCADE, related_name="comparisons")
    earlier = models.ForeignKey(ValidationRun, on_delete=models.CASCADE, related_name="+")
    # A list with one object a rule: its code and severity, and how many findings are new, still there, and fixed.
    counts = models.JSONField(default=list)
    # By kind and rule the first findings of the file, those that the page lists: to look for a few new ones among a
    # million takes seconds.
    listed = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("comparison")
        verbose_name_plural = _("comparisons")
        constraints = [models.UniqueConstraint("run", "earlier", name="validations_comparison_once")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.earlier_id}"


class LogEntry(TenantModel):
    """One step in the life of a run; its sentence is made from code and params in the reader's language."""

    run = models.ForeignKey(ValidationRun, on_delete=models.CASCADE, related_name="log_entries")
    at = models.DateTimeField(_("time"), auto_now_add=True)
    # A code of validations.steps; a name, a count or a code in params, never a cell value.
    code = models.CharField(max_length=60)
    params = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.code


class ExportStatus(models.TextChoices):
    """How far a file is that a worker makes. Its job says more while it is waiting."""

    WAITING = "waiting", _("Being made")
    READY = "ready", pgettext_lazy("file", "Ready")
    FAILED = "failed", _("Could not be made")
    CANCELLED = "cancelled", pgettext_lazy("file", "Cancelled")
    # Its time was over, and the file was deleted.
    EXPIRED = "expired", pgettext_lazy("file", "Deleted")


def export_path(export: "Export", filename: str) -> str:
    """A generated name inside the organization's folder; of the format's name only its extension."""
    return f"exports/{export.organization_id}/{export.pk}{PurePath(filename).suffix}"


class Export(TenantModel):
    """One file made from a completed run by a worker, kept for a while."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(
        ValidationRun, on_delete=models.CASCADE, related_name="exports", verbose_name=_("run")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("asked for by"),
    )
    job = models.OneToOneField("jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # A name of validations.exports.formats.
    format = models.CharField(_("format"), max_length=40)
    # As whom it is written: its words, its numbers, its times, its paper.
    language = models.CharField(_("language"), max_length=7)
    time_zone = models.CharField(_("time zone"), max_length=60)
    # Which findings: the fields of validations.exports.Wanted that are not as usual.
    wanted = models.JSONField(_("filters"), default=dict, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=ExportStatus, default=ExportStatus.WAITING)
    file = models.FileField(_("file"), upload_to=export_path, max_length=200, blank=True)
    size_bytes = models.BigIntegerField(_("size in bytes"), null=True, blank=True)
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    finished_at = models.DateTimeField(_("made"), null=True, blank=True)
    # From then on nobody gets the file, and the next sweep deletes it.
    expires_at = models.DateTimeField(_("kept until"), null=True, blank=True)
    error_code = models.CharField(_("error"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("file to download")
        verbose_name_plural = _("files to download")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["-created_at"], name="validations_export_newest"),
            models.Index(fields=["status", "expires_at"], name="validations_export_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.format} {str(self.pk)[:8]}"
