"""The RQ dashboard under django-rq's own addresses: guarded by permissions, and never a judge over jobs.

The stock pages let any staff member delete jobs and empty queues, clean up registries while they are looked at, and
answer 500 for what they do not expect. Ours show what stands in Redis beside the row that is the truth; what is taken
out of Redis here is sent again by the dispatcher for as long as its row asks to run.
"""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path, re_path
from django_rq.models import Dashboard
from unfold.admin import ModelAdmin

from jobs import roles
from jobs.admin import hints, rqacts, rqpages
from jobs.admin.rqframe import guarded, may_change
from jobs.admin.rqstates import STATE_PAGES


@admin.register(Dashboard)
class DashboardAdmin(ModelAdmin):
    """django-rq's entry of the admin; it has pages, and no table."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never: there is no row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Whether the person may see the dashboard."""
        return request.user.has_perm(roles.VIEW_QUEUE_DASHBOARD) or may_change(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the dashboard shows in the list of the admin's parts."""
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """django-rq's addresses with our views; a queue is named, or numbered as in old bookmarks."""
        return [
            path("", guarded(rqpages.home), name="django_rq_dashboard_changelist"),
            path("", guarded(rqpages.home), name="django_rq_home"),
            re_path(r"^stats.json/?$", guarded(rqpages.stats_json), name="django_rq_home_json"),
            *_bulk_urls(),
            *_list_urls(),
            *_job_urls(),
            path("workers/<str:queue>/", guarded(rqpages.workers), name="django_rq_workers"),
            path(
                "workers/<str:queue>/<str:key>/",
                guarded(rqpages.worker_details),
                name="django_rq_worker_details",
            ),
            *_scheduler_urls(),
        ]


def _bulk_urls() -> list[URLPattern]:
    ask_first = guarded(rqacts.confirm_action, permission=roles.CHANGE_QUEUE_DASHBOARD)
    return [
        path("queues/confirm-action/<str:queue>/", ask_first, name="django_rq_confirm_action"),
        path(
            "queues/actions/<str:queue>/",
            guarded(rqacts.actions, permission=roles.CHANGE_QUEUE_DASHBOARD),
            name="django_rq_actions",
        ),
    ]


def _list_urls() -> list[URLPattern]:
    lists = [
        path(
            f"queues/<str:queue>/{'' if state == 'queued' else f'{state}/'}",
            guarded(rqpages.state_page(state)),
            name=f"django_rq_{STATE_PAGES[state]}",
        )
        for state in hints.STATES
    ]
    clear_failed = guarded(rqacts.clearing("failed"), permission=roles.CHANGE_QUEUE_DASHBOARD)
    return [
        *lists,
        path("queues/<str:queue>/details/", guarded(rqpages.queue_details), name="django_rq_queue_details"),
        path("queues/<str:queue>/failed/clear/", clear_failed, name="django_rq_delete_failed_jobs"),
        path(
            "queues/<str:queue>/empty/",
            guarded(rqacts.clearing("queued"), permission=roles.CHANGE_QUEUE_DASHBOARD),
            name="django_rq_clear",
        ),
        path(
            "queues/<str:queue>/requeue-all/",
            guarded(rqacts.requeue_all, permission=roles.CHANGE_QUEUE_DASHBOARD),
            name="django_rq_requeue_all",
        ),
    ]


def _job_urls() -> list[URLPattern]:
    job = "queues/<str:queue>/<str:job_id>/"
    again = guarded(rqacts.requeue_job, permission=roles.CHANGE_QUEUE_DASHBOARD)
    return [
        path(job, guarded(rqpages.job_detail), name="django_rq_job_detail"),
        path(
            f"{job}results/<str:result_id>/", guarded(rqpages.result_detail), name="django_rq_result_detail"
        ),
        path(
            f"{job}delete/",
            guarded(rqacts.delete_job, permission=roles.CHANGE_QUEUE_DASHBOARD),
            name="django_rq_delete_job",
        ),
        path(f"{job}requeue/", again, name="django_rq_requeue_job"),
        path(f"{job}enqueue/", again, name="django_rq_enqueue_job"),
        path(
            f"{job}stop/",
            guarded(rqacts.stop_job, permission=roles.CHANGE_QUEUE_DASHBOARD),
            name="django_rq_stop_job",
        ),
    ]


def _scheduler_urls() -> list[URLPattern]:
    cron = "cron-schedulers/<int:connection_index>/<str:scheduler_name>/"
    view = guarded(rqpages.no_scheduler)
    return [
        path("schedulers/<int:scheduler_index>/", view, name="django_rq_scheduler_jobs"),
        path(cron, view, name="django_rq_cron_scheduler_detail"),
        path(f"{cron}jobs/<path:cron_job_name>/", view, name="django_rq_cron_job_detail"),
    ]
