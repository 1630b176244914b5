
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0003_control'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='job',
            name='jobs_job_unsent',
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('sent_at', None), ('status', 'queued')), fields=['queue', '-priority', 'tenant_id', 'due_at'], name='jobs_job_unsent'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('status', 'held')), fields=['queue', '-priority', 'tenant_id', 'due_at'], name='jobs_job_held'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('sent_at__isnull', False), ('status', 'queued')), fields=['queue', 'sent_at'], name='jobs_job_sent'),
        ),
    ]
