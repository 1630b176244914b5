"""How the admin looks and what its menu shows (settings.UNFOLD)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from jobs import roles


def _may_view(*permissions: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        return any(request.user.has_perm(permission) for permission in permissions)

    return allowed


def _item(title: Any, icon: str, model: str, *permissions: str) -> dict[str, Any]:
    app, name = model.split(".")
    needed = permissions or (f"{app}.view_{name}", f"{app}.change_{name}")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _may_view(*needed),
    }


def _group(title: Any, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


NAVIGATION: list[dict[str, Any]] = [
    # Every address begins with this one, so that it would always count as the page that is open.
    {"items": [{"title": _("Back to the site"), "icon": "arrow_back", "link": "/", "active": False}]},
    _group(
        _("Validations"),
        _item(_("Runs"), "fact_check", "validations.validationrun"),
        _item(_("Files sent together"), "folder_copy", "validations.runbatch"),
        _item(_("Findings"), "rule", "validations.finding"),
        _item(_("Billing records"), "receipt_long", "validations.billingrecord"),
        _item(_("Log entries"), "history", "validations.logentry"),
        _item(_("Profiles"), "schema", "validations.profile"),
        _item(_("Own rules"), "gavel", "validations.staffrule"),
        _item(_("Files to download"), "download", "validations.export"),
    ),
    _group(
        _("Jobs"),
        {
            "title": _("Operations"),
            "icon": "monitoring",
            "link": reverse_lazy("admin:operations"),
            "permission": _may_view(roles.VIEW_OPERATIONS),
        },
        _item(_("Jobs"), "manufacturing", "jobs.job"),
        _item(_("Attempts"), "repeat", "jobs.attempt"),
        _item(_("Timeline"), "timeline", "jobs.jobevent"),
        _item(_("Schedules"), "calendar_clock", "jobs.schedule"),
        _item(_("Batches"), "stacks", "jobs.batch"),
        _item(_("Actions on many jobs"), "checklist", "jobs.bulkaction"),
        _item(_("Audit trail of jobs"), "policy", "jobs.auditentry"),
        {
            "title": _("Queues in Redis"),
            "icon": "low_priority",
            "link": reverse_lazy("admin:django_rq_home"),
            "permission": _may_view(roles.VIEW_QUEUE_DASHBOARD, roles.CHANGE_QUEUE_DASHBOARD),
        },
    ),
    _group(
        _("Organizations"),
        _item(_("Organizations"), "apartment", "organizations.organization"),
        _item(_("Users"), "person", "organizations.user"),
        _item(_("Memberships"), "group", "organizations.membership"),
        _item(_("API keys"), "key", "organizations.apikey"),
        _item(_("Staff roles"), "admin_panel_settings", "auth.group"),
        _item(_("Staff actions"), "policy", "admin.logentry"),
    ),
    _group(
        _("Notifications"),
        _item(_("Notifications"), "notifications", "notifications.notification"),
        _item(_("Deliveries"), "send", "notifications.delivery"),
    ),
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Bordereau administration"),
    "SITE_HEADER": "Bordereau",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_URL": "/",
    "SITE_SYMBOL": "receipt_long",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/favicon.svg")}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_BACK_BUTTON": True,
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": reverse_lazy("organizations:language")},
    "STYLES": [lambda request: static("css/admin.css"), lambda request: static("css/operations.css")],
    "BORDER_RADIUS": "8px",
    # The accent and the grays of static/css/bordereau.css, as the scale that unfold wants.
    "COLORS": {
        "base": {
            "50": "#f6f7f9",
            "100": "#eef0f4",
            "200": "#dde1e8",
            "300": "#c3cad5",
            "400": "#97a3b4",
            "500": "#6b788a",
            "600": "#566172",
            "700": "#3c4654",
            "800": "#2a313b",
            "900": "#171c23",
            "950": "#0f1318",
        },
        "primary": {
            "50": "#eef8f6",
            "100": "#d9efec",
            "200": "#b2ded8",
            "300": "#84c9c0",
            "400": "#4cc9b8",
            "500": "#2aa294",
            "600": "#0b6b62",
            "700": "#095a52",
            "800": "#0a4943",
            "900": "#123531",
            "950": "#06231f",
        },
    },
    "DASHBOARD_CALLBACK": "config.overview.add_overview",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
}
