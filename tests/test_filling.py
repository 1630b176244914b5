"""The invented database that benchmarks and screenshots stand on."""

import pytest
from django.db.models import F

from benchmarks import filling
from jobs.models import Attempt, Job, JobEvent, JobStatus


@pytest.mark.django_db(transaction=True)
def test_a_filled_database_holds_whole_histories() -> None:
    filling.fill(400)
    ended = Job.objects.final()
    assert ended.count() == 400
    assert Attempt.objects.filter(job__in=ended).count() == sum(ended.values_list("attempt", flat=True))
    assert not ended.filter(finished_at__lt=F("created_at")).exists()
    for job in ended.filter(attempt__gt=1)[:20]:
        events = list(JobEvent.objects.filter(job=job).order_by("id"))
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert events[-1].to_status == job.status
        assert [event.from_status for event in events[1:]] == [event.to_status for event in events[:-1]]
    assert Job.objects.filter(status=JobStatus.RUNNING).exists()
    with pytest.raises(ValueError, match="empty database"):
        filling.fill(1)
