"""The kinds of news, each with its name; the folder of its templates is called like the kind."""

from django.utils.translation import gettext_lazy as _

KIND_NAMES = {
    "run_finished": _("run finished"),
    "run_failed": _("run failed"),
    "batch_finished": _("files sent together finished"),
    "report_ready": _("report ready"),
    "alert": _("alert of the job platform"),
}
