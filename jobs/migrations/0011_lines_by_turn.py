
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0010_narrower_indexes'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='job',
            name='jobs_job_unsent',
        ),
        migrations.RemoveIndex(
            model_name='job',
            name='jobs_job_held',
        ),
        migrations.AddIndex(
            model_name='batch',
            index=models.Index(condition=models.Q(('completion_job__isnull', False)), fields=['completion_job'], name='jobs_batch_by_completion'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(models.F('queue'), models.OrderBy(models.F('priority'), descending=True), django.db.models.functions.comparison.Coalesce('tenant_id', -1), models.F('due_at'), condition=models.Q(('sent_at', None), ('status', 'queued')), name='jobs_job_unsent'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(models.F('queue'), models.OrderBy(models.F('priority'), descending=True), django.db.models.functions.comparison.Coalesce('tenant_id', -1), models.F('due_at'), condition=models.Q(('status', 'held')), name='jobs_job_held'),
        ),
    ]
