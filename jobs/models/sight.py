"""What the platform knows of itself: who leads, which workers live, what happened each minute, what is wrong."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobs.querysets import AlertQuerySet


class Leadership(models.Model):
    """Which dispatcher does the work that one alone may do; the others stand by."""

    name = models.CharField(_("name"), max_length=50, primary_key=True)
    holder = models.CharField(_("holder"), max_length=150, blank=True, default="")
    since = models.DateTimeField(_("since"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("leadership")
        verbose_name_plural = _("leaderships")

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


class WorkerProcess(models.Model):
    """A worker, as it says of itself every few seconds; one that falls silent is gone."""

    name = models.CharField(_("name"), max_length=100, primary_key=True)
    host = models.CharField(_("host"), max_length=100)
    pid = models.PositiveIntegerField(_("process id"))
    queues = models.JSONField(_("queues"), default=list)
    version = models.CharField(_("version"), max_length=50, blank=True, default="")
    started_at = models.DateTimeField(_("started at"))
    seen_at = models.DateTimeField(_("seen at"))
    # It was asked to stop and finishes what it has.
    stopping_at = models.DateTimeField(_("stopping since"), null=True, blank=True)
    # It ended in order.
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    jobs_done = models.PositiveIntegerField(_("jobs done"), default=0)
    memory_bytes = models.PositiveBigIntegerField(_("memory in bytes"), null=True, blank=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ["host", "name"]
        indexes = [models.Index(fields=["seen_at"], name="jobs_worker_seen")]

    def __str__(self) -> str:
        return self.name


class Stat(models.Model):
    """What happened to one task in one span of time: counts, sums, and histograms that add up over any time."""

    queue = models.CharField(_("queue"), max_length=50)
    task = models.CharField(_("task"), max_length=150)
    enqueued = models.PositiveIntegerField(_("enqueued"), default=0)
    # Attempts, by how they ended.
    succeeded = models.PositiveIntegerField(_("succeeded"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    lost = models.PositiveIntegerField(_("lost"), default=0)
    cancelled = models.PositiveIntegerField(_("cancelled"), default=0)
    handed_back = models.PositiveIntegerField(_("handed back"), default=0)
    postponed = models.PositiveIntegerField(_("postponed"), default=0)
    # Of the failed and lost ones, those that another attempt followed.
    retried = models.PositiveIntegerField(_("retried"), default=0)
    # Of the attempts that started in this time.
    wait_ms = models.PositiveBigIntegerField(_("wait in milliseconds, in all"), default=0)
    # Of the attempts that succeeded or failed in it.
    run_ms = models.PositiveBigIntegerField(_("run time in milliseconds, in all"), default=0)
    longest_run_ms = models.PositiveBigIntegerField(_("longest run in milliseconds"), default=0)
    # As `jobs.histograms` has them, of the same attempts as the two sums.
    wait_histogram = models.JSONField(_("waits"), default=list)
    run_histogram = models.JSONField(_("run times"), default=list)

    class Meta:
        abstract = True


class MinuteStat(Stat):
    """One minute of one task."""

    minute = models.DateTimeField(_("minute"))

    class Meta:
        verbose_name = _("statistics of a minute")
        verbose_name_plural = _("statistics by minute")
        ordering = ["-minute", "queue", "task"]
        constraints = [
            models.UniqueConstraint(fields=["minute", "queue", "task"], name="jobs_minutestat_once")
        ]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.task}"


class HourStat(Stat):
    """One hour of one task: the sum of its minutes, for ranges of days."""

    hour = models.DateTimeField(_("hour"))

    class Meta:
        verbose_name = _("statistics of an hour")
        verbose_name_plural = _("statistics by hour")
        ordering = ["-hour", "queue", "task"]
        constraints = [models.UniqueConstraint(fields=["hour", "queue", "task"], name="jobs_hourstat_once")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00} {self.task}"


class TaskTotal(Stat):
    """All minutes of one task that have settled: what `/metrics` counts from, which must never shrink."""

    # The last minute that is in it; the same for all rows.
    through = models.DateTimeField(_("through"))

    class Meta:
        verbose_name = _("total of a task")
        verbose_name_plural = _("totals by task")
        ordering = ["queue", "task"]
        constraints = [models.UniqueConstraint(fields=["queue", "task"], name="jobs_tasktotal_once")]

    def __str__(self) -> str:
        return f"{self.queue} {self.task}"


class DayStat(Stat):
    """One day of one task, from midnight to midnight in UTC: the sum of its hours, for ranges of months."""

    day = models.DateTimeField(_("day"))

    class Meta:
        verbose_name = _("statistics of a day")
        verbose_name_plural = _("statistics by day")
        ordering = ["-day", "queue", "task"]
        constraints = [models.UniqueConstraint(fields=["day", "queue", "task"], name="jobs_daystat_once")]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.task}"


class AlertKind(models.TextChoices):
    """What can be wrong with the platform."""

    NO_WORKER = "no_worker", _("No worker serves a queue")
    TOO_OLD = "too_old", _("A job waits for too long")
    FAILURES = "failures", _("Too many jobs fail")
    STUCK = "stuck", _("A job runs for too long")
    REDIS_AWAY = "redis_away", _("Redis is away")
    DATABASE_SLOW = "database_slow", _("The database answers slowly or not at all")
    EVICTION = "eviction", _("Redis may delete queued jobs")
    PERSISTENCE = "persistence", _("Redis keeps nothing on disk")
    NO_LEADER = "no_leader", _("No dispatcher leads")
    SCHEDULE = "schedule", _("A schedule makes no job")
    QUARANTINE = "quarantine", _("A bad entry was found in Redis")
    MALWARE = "malware", _("Malware was found in an upload")
    CROSSED_BORDER = "crossed_border", _("A job named another organization than its row")


class Alert(models.Model):
    """Something is wrong, or was: raised after it lasted, resolved after it was well for as long."""

    kind = models.CharField(_("kind"), max_length=20, choices=AlertKind.choices)
    # The queue, task or schedule that it speaks of; empty for the whole site.
    subject = models.CharField(_("subject"), max_length=150, blank=True, default="")
    # Numbers and names for its sentence.
    params = models.JSONField(_("details"), default=dict, blank=True)
    # First seen; it counts as raised only once it lasted.
    pending_since = models.DateTimeField(_("first seen"))
    raised_at = models.DateTimeField(_("raised at"), null=True, blank=True)
    # Since when it looks well again; it counts as resolved only once that lasted.
    well_since = models.DateTimeField(_("well since"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    # Staff were last told; until somebody acknowledges it they are reminded.
    told_at = models.DateTimeField(_("told at"), null=True, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("acknowledged by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-pending_since"]
        permissions = [("acknowledge_alert", "Can acknowledge alerts")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(resolved_at=None), name="jobs_alert_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
