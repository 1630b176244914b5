"""What a job did, one row each time: nothing forbids a second row, so that a second effect would be seen."""

from typing import ClassVar

from django.db import models


class Effect(models.Model):
    """One visible effect of one job."""

    job_id = models.UUIDField(db_index=True)
    fence = models.PositiveIntegerField()

    objects: ClassVar[models.Manager["Effect"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.job_id} #{self.fence}"


class Execution(models.Model):
    """One start of a task, committed at once: repeats are allowed, and here they are counted."""

    job_id = models.UUIDField(db_index=True)

    objects: ClassVar[models.Manager["Execution"]] = models.Manager()

    def __str__(self) -> str:
        return str(self.job_id)
