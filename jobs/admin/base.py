"""What the admin pages of every app have in common: cheap lists, read-only history, actions that call services."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.views import ChangeList

from jobs.audit import record
from jobs.models import ActionKind

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    # unfold types its options as the empty values that they start with; to the checker this is Django's class.
    UnfoldAdmin = ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
else:
    from unfold.admin import ModelAdmin as UnfoldAdmin

    AnyPaginator = Paginator

M = TypeVar("M", bound=Model)
T = TypeVar("T")

# Beyond this many rows a list says "more than": counting a million rows takes longer than showing fifty.
COUNT_LIMIT = 10_000
# One request acts on no more rows than this, whatever a client sends.
ACTION_LIMIT = 500


# What a filter may put behind the name of its column.
_LOOKUP = r"(__(id__)?(exact|isnull|isempty|in)|_(from|to)(_[01])?)?"


class CappedPaginator(AnyPaginator):
    """Pages of a list that may be very long: it counts, and leads, no further than COUNT_LIMIT rows."""

    template_name = "admin/pagination_capped.html"

    @cached_property
    def seen(self) -> int:
        """The number of rows, looked at up to one more than the limit."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[: COUNT_LIMIT + 1].count()
        return len(rows)

    @cached_property
    def count(self) -> int:
        """The number of rows that can be paged to."""
        return min(self.seen, COUNT_LIMIT)

    @property
    def is_capped(self) -> bool:
        """Whether there are rows beyond the last page."""
        return self.seen > COUNT_LIMIT


@dataclass(frozen=True, slots=True)
class ServiceAction:
    """A button that calls a service for each chosen row and tells how many rows changed."""

    # One row in, whether something changed out.
    call: Callable[[Any, HttpRequest], bool]
    # For a refusal that is part of the rules (ended already, file gone): counted as "not changed".
    refusals: tuple[type[Exception], ...] = ()
    # Shown before anything happens; without it the action happens at once.
    warning: str = ""


class QuietChangeList(ChangeList):
    """A list whose heading does not offer to show all rows."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows of the page; the count of all rows is not asked for, and counts as the one that was."""
        super().get_results(request)
        self.full_result_count = self.result_count


class StaffAdmin(UnfoldAdmin):
    """The base of every admin page: lists never count a whole table, and search uses indexes only."""

    paginator = CappedPaginator
    show_full_result_count = False
    # Numbers beside the choices of a filter would count the table once for each of them.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    # Heavy columns that a list does not show.
    list_defer: tuple[str, ...] = ()
    # Field name -> what turns the typed text into its value; a text that does not fit is not searched there.
    search_exact: dict[str, Callable[[str], Any]] = {}
    # Lookups in addresses that pages link to, beside those of the filters.
    link_lookups: tuple[str, ...] = ()
    # Names of the actions offered as buttons on the page of one row.
    page_actions: tuple[str, ...] = ()
    change_form_outer_before_template = "admin/page_actions.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All rows; for a list without the heavy columns."""
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return rows.defer(*self.list_defer) if is_list else rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what is declared: Django would let any column be asked for, hidden ones among them."""
        if lookup in self.link_lookups:
            return True
        return any(
            re.fullmatch(f"{re.escape(name)}{_LOOKUP}", lookup) for name in map(filter_name, self.list_filter)
        )

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The actions this person may take; Django's own deletion, which collects every related row, is none."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """The fields that make Django show the search box; the search itself is `get_search_results`."""
        return tuple(self.search_exact or super().get_search_fields(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """The rows where one of the indexed fields equals the text, for models that name such fields."""
        if not self.search_exact:
            return super().get_search_results(request, queryset, search_term)
        term = search_term.replace("\x00", "").strip()
        return (queryset.filter(self.exact_matches(term)) if term else queryset), False

    def exact_matches(self, term: str) -> Q:
        """The condition under which a row fits the searched text."""
        condition = Q(pk__in=[])
        for field, convert in self.search_exact.items():
            try:
                condition |= Q(**{field: convert(term)})
            except (ValueError, ArithmeticError):
                continue
        return condition

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list; a crafted action that is not the person's to take is refused, not overlooked."""
        if request.method == "POST":
            wanted = request.POST.get("action", "")
            if wanted and wanted not in self.get_actions(request):
                raise PermissionDenied
            self._check_chosen(request.POST.getlist(ACTION_CHECKBOX_NAME))
        check_values(request)
        try:
            return super().changelist_view(request, extra_context)
        except OverflowError:
            # A time at the end of the calendar, which is beyond it in another zone.
            raise BadRequest from None

    def _check_chosen(self, keys: list[str]) -> None:
        try:
            for key in keys:
                self.opts.pk.to_python(key)
        except ValidationError:
            raise BadRequest from None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """The page of one row, with the buttons that this person may press."""
        row = self.get_object(request, object_id) if object_id else None
        context = {
            **(extra_context or {}),
            **(
                {"page_actions": self.buttons(request, row), **self.page_context(request, row)} if row else {}
            ),
        }
        return super().changeform_view(request, object_id, form_url, context)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of one row shows besides its fields; `page_links` are links beside the buttons."""
        return {}

    def buttons(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        """Name and label of the actions that this person can take on this row now."""
        allowed = self.get_actions(request)
        return [
            (name, str(allowed[name][2]))
            for name in self.page_actions
            if name in allowed and self.applies(name, row)
        ]

    def applies(self, name: str, row: Any) -> bool:
        """Whether an action makes sense in the state that the row is in."""
        return True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list without an offer to show all rows."""
        return QuietChangeList

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """The line of Django's own list, and one of the audit trail."""
        note_change(request, Noted.of(obj), "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """The line of Django's own list, and one of the audit trail with the names of the fields."""
        note_change(request, Noted.of(obj), "changed", _fields_of(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[LogEntry]:
        """The lines of Django's own list, and of the audit trail."""
        for row in queryset:
            note_change(request, Noted.of(row), "deleted")
        return super().log_deletions(request, queryset)

    def act(self, request: HttpRequest, queryset: QuerySet[M], name: str, action: ServiceAction) -> Any:
        """Ask where the action warns, else do it to each chosen row and say how many changed."""
        rows = list(queryset[:ACTION_LIMIT])
        if action.warning and request.POST.get("confirmed") != "yes":
            return self._confirmation(request, rows, name, action)
        changed = sum(self._changed(action, row, request, name) for row in rows)
        self._tell(request, changed, len(rows) - changed)
        return self._after(request, rows)

    def _changed(self, action: ServiceAction, row: Model, request: HttpRequest, name: str) -> bool:
        key, shown, noted = row.pk, str(row), Noted.of(row)
        try:
            changed = action.call(row, request)
        except action.refusals:
            return False
        if changed:
            audit(request, self.model, key, shown, name)
            note_change(request, noted, name)
        return changed

    def _tell(self, request: HttpRequest, changed: int, unchanged: int) -> None:
        if changed:
            text = ngettext("%(count)s row changed.", "%(count)s rows changed.", changed)
            messages.success(request, text % {"count": changed})
        if unchanged:
            text = ngettext(
                "%(count)s row was left as it is, because its state does not allow this.",
                "%(count)s rows were left as they are, because their state does not allow this.",
                unchanged,
            )
            messages.warning(request, text % {"count": unchanged})

    def _confirmation(
        self, request: HttpRequest, rows: list[Any], name: str, action: ServiceAction
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Are you sure?"),
            "rows": rows,
            "warning": action.warning,
            "action_name": name,
            "action_label": self.get_actions(request)[name][2],
            "from_page": request.POST.get("from_page", ""),
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/confirm_service_action.html", context)

    def _after(self, request: HttpRequest, rows: list[Any]) -> HttpResponseRedirect | None:
        """Back to the row's own page when the button was pressed there and the row still is."""
        if request.POST.get("from_page") != "yes" or len(rows) != 1:
            return None
        if not self.model._base_manager.filter(pk=rows[0].pk).exists():
            return None
        return HttpResponseRedirect(self.page_of(rows[0]))

    def page_of(self, row: Model) -> str:
        """The address of a row's page in the admin."""
        return admin_page(row)


class ReadOnlyAdmin(StaffAdmin):
    """Rows that are history: nobody adds, changes or deletes one by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


def filter_name(declared: Any) -> str:
    """The name in the address of a filter, in whichever of Django's ways it is declared."""
    if isinstance(declared, (list, tuple)):
        return str(declared[0])
    return str(getattr(declared, "parameter_name", declared))


def check_values(request: HttpRequest) -> None:
    """Nothing, unless the address or the form holds a NUL, which no column can be compared with.

    Raises: BadRequest.
    """
    for values in (*request.GET.lists(), *request.POST.lists()):
        if any("\x00" in value for value in values[1]):
            raise BadRequest


def while_allowed(request: HttpRequest, permission: str, load: Callable[[Any], T]) -> Callable[[], T]:
    """The load of a page that stays open, given the person as they are at each look: their rights may change.

    Raises: PermissionDenied, when called after they signed out or lost their account, place in the staff or permission.
    """
    key, store, owner = request.session.session_key, type(request.session), request.user.pk

    def loaded() -> T:
        # A request of its own: the first one remembers who it found.
        now = HttpRequest()
        now.session = store(key)
        user: Any = get_user(now)
        if user.pk != owner or not user.is_staff or not user.has_perm(permission):
            raise PermissionDenied
        return load(user)

    return loaded


def admin_page(row: Model) -> str:
    """The address of a row's page in the admin."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def person(request: HttpRequest) -> Any:
    """Who acts: the admin lets nobody in who is not signed in."""
    return request.user


def link(url: str, text: object) -> str:
    """A link with its text escaped."""
    return format_html('<a class="bd-link" href="{}">{}</a>', url, text)


def link_to(row: Model | None, text: object = "") -> str:
    """A link to a row's admin page, or a dash where there is no row."""
    return link(admin_page(row), text or row) if row is not None else "–"


def badge(text: object, kind: str) -> str:
    """A state in words on a tinted ground; kind is ok, error, warn, info, accent or muted."""
    return format_html('<span class="bd-badge bd-{}">{}</span>', kind, text)


def time_text(moment: datetime | None) -> str:
    """Day and time to the second in the reader's zone, on one line; a dash for none."""
    if moment is None:
        return "–"
    here = localtime(moment)
    shown = f"{date_format(here, 'SHORT_DATE_FORMAT')} {here:%H:%M:%S}"
    return format_html(
        '<time class="bd-time" datetime="{}">{}</time>', here.isoformat(timespec="seconds"), shown
    )


def seconds_text(seconds: float | None) -> str:
    """A length of time as people say it: milliseconds for short ones, minutes and hours for long ones."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return _unbroken(_("%(number)s ms") % {"number": round(seconds * 1000)})
    if seconds < 60:
        return _unbroken(_("%(number)s s") % {"number": number_format(round(seconds, 1), 1)})
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _unbroken(_("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest})
    hours, minutes = divmod(minutes, 60)
    return _unbroken(_("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes})


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def bytes_text(size_bytes: int | None) -> str:
    """A size as people say it, or a dash."""
    return filesizeformat(size_bytes) if size_bytes is not None else "–"


def folded(summary: object, text: object) -> str:
    """A long text behind a heading that opens it."""
    return format_html(
        '<details class="bd-fold"><summary>{}</summary><pre class="bd-pre">{}</pre></details>', summary, text
    )


def as_json(value: Any) -> str:
    """A JSON value over several lines, escaped."""
    return format_html('<pre class="bd-pre">{}</pre>', json_text(value))


def json_text(value: Any) -> str:
    """A JSON value over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Noted:
    """A row as the audit trail names it, taken before it may be gone."""

    kind: str
    key: object
    tenant_id: int | None

    @classmethod
    def of(cls, row: Model) -> "Noted":
        """The row's name and whose it is."""
        is_tenant = row._meta.label == "organizations.Organization"
        tenant_id = row.pk if is_tenant else getattr(row, "organization_id", None)
        return cls(str(row._meta.model_name)[:20], row.pk, tenant_id)


def note_change(request: HttpRequest, row: Noted, what: str, fields: Iterable[str] = ()) -> None:
    """Write into the audit trail what staff did to a row in the admin: names of fields, never a value."""
    details = {"what": what, "fields": sorted(fields)}
    record(request, ActionKind.STAFF_CHANGE, row.kind, row.key, tenant_id=row.tenant_id, details=details)


def _fields_of(message: Any) -> set[str]:
    """The names of the fields in Django's message about a change."""
    if not isinstance(message, list):
        return set()
    return {str(name) for part in message for change in part.values() for name in change.get("fields", [])}


def audit(request: HttpRequest, model: type[Model], key: object, name: str, message: str) -> None:
    """Note in the list of staff actions who did what to which row; rows of it cannot be edited."""
    LogEntry.objects.create(
        user_id=person(request).pk,
        content_type=ContentType.objects.get_for_model(model),
        object_id=str(key),
        object_repr=name[:200],
        action_flag=CHANGE,
        change_message=message,
    )
