"""One run: how far it is, or what was found, or why it could not be processed."""

import uuid
from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from jobs.live import Snapshot, event_response
from organizations.access import enter_organization, while_signed_in
from organizations.models import Organization
from validations import pages
from validations.failures import sentence
from validations.fixes import SAFE, Decisions, accepted_count, fix_counts
from validations.forms import ReadingForm
from validations.live import live_state
from validations.looks import note_look
from validations.models import RunStatus, Severity, ValidationRun
from validations.querysets import (
    same_file_earlier,
)
from validations.readings import sureness
from validations.replacing import likely_replaced
from validations.veil import veil_for
from validations.views.shared import VIEW, enter, find_run


@login_required
@require_GET
def run_detail(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """One run: how far it is, or what was found, or why it could not be processed."""
    organization = enter(request, slug, VIEW)
    run = find_run(organization, run_id)
    context = {
        "nav": "runs",
        "run": run,
        "earlier": same_file_earlier(run),
        "events": pages.timeline(run),
        "again_form": ReadingForm(organization, initial={"profile": run.profile.name, **_shown_options(run)}),
    }
    if run.is_active:
        return render(request, "validations/run_active.html", context | {"live": live_state(run)})
    if run.status != RunStatus.COMPLETED:
        context["reason"] = (
            sentence(run.error_code, run.error_params) if run.status == RunStatus.FAILED else ""
        )
        return render(request, "validations/run_ended.html", context)
    return render(request, "validations/run_completed.html", context | _results(request, run))


def _results(request: HttpRequest, run: ValidationRun) -> dict[str, Any]:
    """What only the page of a completed run shows."""
    veil = veil_for(request.user, run)
    explorer = pages.explorer(run, pages.Filters.of(request.GET), veil)
    if explorer.page.items and not veil.is_drawn:
        note_look(request, run)
    decisions = Decisions.of(run)
    fixes = fix_counts(run)
    chosen_code = explorer.chosen.code if explorer.chosen else ""
    return {
        "is_masked": veil.is_drawn,
        "decisions": decisions,
        "fix_total": sum(fixes.values()),
        "fix_accepted": accepted_count(run, decisions),
        "chosen_fixes": fixes.get(chosen_code, 0),
        "chosen_is_safe": chosen_code in SAFE,
        "chosen_is_accepted": chosen_code in decisions.rules,
        "compared": pages.compared_before(run),
        "resent": likely_replaced(run),
        "column_bars": pages.column_bars(run, veil),
        "not_checked": pages.not_checked(run),
        "explorer": explorer,
        "chosen_label": Severity(explorer.chosen.severity).label if explorer.chosen else "",
        "sort_columns": (
            ("line", _("Line"), True),
            ("", _("Column"), False),
            ("value", _("Value"), False),
            ("", _("What is wrong"), False),
            ("amount", _("Amount"), True),
        ),
        "overview": pages.overview(run),
        "rule_counts": pages.rule_counts(run),
        "columns": pages.columns(run, veil),
        "sure": sureness(run),
        "idle_rules": pages.idle_rules(run),
        "chosen_not_checked": run.summary.get("not_checked", {}).get(explorer.chosen.code, 0)
        if explorer.chosen
        else 0,
        "has_doubtful_columns": any(
            column.get("how") == "close" for column in run.reading.get("columns", [])
        ),
        **_money(run),
    }


@login_required
@require_GET
def run_progress(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """How far a run is now, for a page that is open."""
    organization = enter(request, slug, VIEW)
    return JsonResponse(dict(_run_snapshot(request, organization, run_id).data))


@login_required
@require_GET
def run_events(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponseBase:
    """How far a run is, each time that it changes."""
    organization = enter(request, slug, VIEW)
    run = find_run(organization, run_id)
    return event_response(
        topics=[f"job:{run.job_id}"],
        load=while_signed_in(request, partial(_run_snapshot, request, organization, run_id)),
        owner=request.user.pk,
    )


def _run_snapshot(request: HttpRequest, organization: Organization, run_id: uuid.UUID) -> Snapshot:
    """The live part of a run's page; the person's right is asked anew each time.

    Raises: Http404 or PermissionDenied once they may no longer see it.
    """
    enter_organization(request, organization.slug, VIEW)
    run = find_run(organization, run_id)
    if not run.is_active:
        return Snapshot(
            {"done": True, "html": "", "title": _ended_title(run), "say": _ended_title(run)}, done=True
        )
    state = live_state(run)
    html = render_to_string("validations/_live.html", {"run": run, "live": state}, request=request)
    percent = f"{state.percent}\u00a0%" if get_language() == "fr" else f"{state.percent}%"
    data = {
        "done": False,
        "html": html,
        "title": f"{percent} {run.file_name}" if run.status == RunStatus.PROCESSING else run.file_name,
        "say": f"{state.title}, {percent}" if run.status == RunStatus.PROCESSING else state.title,
    }
    return Snapshot(data)


def _ended_title(run: ValidationRun) -> str:
    state = run.get_verdict_display() if run.verdict else run.get_status_display()
    return f"{state} – {run.file_name}"


def _shown_options(run: ValidationRun) -> dict[str, Any]:
    """The reading options that were set by hand, in the form in which the form offers them."""
    options = dict(run.options)
    if "delimiter" in options:
        options["delimiter"] = {"\t": "tab", " ": "space"}.get(options["delimiter"], options["delimiter"])
    if options.get("quotechar") == "":
        options["quotechar"] = "none"
    return options


def _money(run: ValidationRun) -> dict[str, Any]:
    """The amounts of a completed run and the share that is at stake, as the width of a bar."""
    total, at_stake = run.amount_total_cents or 0, run.amount_at_stake_cents or 0
    accepted = run.summary.get("amount_accepted_cents", total - at_stake)
    share = accepted * 100 / total if total > 0 else 100.0
    return {
        "accepted_cents": accepted,
        "accepted_share": f"{max(0.0, min(100.0, share)):.1f}",
        "has_money": run.amount_total_cents is not None,
    }
