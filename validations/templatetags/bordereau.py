"""How values look on a page: money, numbers, sizes and lengths of time by the reader's language; icons."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.template.context import Context
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from validations import exports, failures
from validations.engine import texts
from validations.fixes import Decisions, has_fix
from validations.models import Finding
from validations.sentences import message_of, reader_language, title_of

register = template.Library()

# What a template hands over for a value that is not there: None, or an empty text.
Absent = str | None

NO_BREAK_SPACE = "\u00a0"
# As operating systems and Django's own filter count.
_SIZE_STEP = 1024


@register.filter
def money(cents: int | Absent) -> str:
    """Cents as an amount: `451 902,15 $` in French, `$451,902.15` in English; a dash for none."""
    return "–" if cents is None or isinstance(cents, str) else texts.format_money(cents, reader_language())


@register.filter
def number(value: float | Decimal | Absent) -> str:
    """A number in groups of three: `48 120` in French, `48,120` in English; a dash for none."""
    if value is None or isinstance(value, str):
        return "–"
    return texts.format_number(value if isinstance(value, int) else Decimal(str(value)), reader_language())


@register.filter
def size(size_bytes: int | None) -> str:
    """A file's size in the unit a person would say: `1,2 Mo` in French, `1.2 MB` in English."""
    value = Decimal(size_bytes or 0)
    units = (_("bytes"), _("kB"), _("MB"), _("GB"), _("TB"))
    step = 0
    while value >= _SIZE_STEP and step < len(units) - 1:
        value /= _SIZE_STEP
        step += 1
    digits = 0 if step == 0 or value >= 100 else 1
    return f"{number(round(value, digits))}{NO_BREAK_SPACE}{units[step]}"


@register.filter
def duration(value: float | timedelta | Absent) -> str:
    """A length of time in its two largest units: `1 min 20 s`; a dash for none."""
    if value is None or isinstance(value, str):
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 10:
        return f"{number(Decimal(f'{max(seconds, 0):.1f}'))}{NO_BREAK_SPACE}s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{amount}{NO_BREAK_SPACE}{unit}" for amount, unit in parts if amount][:2]
    return " ".join(shown)


@register.filter
def code_title(code: str) -> str:
    """The name of a rule in the reader's language; the bare code where the rule is no longer known."""
    return title_of(code, reader_language())


@register.filter
def code_explanation(code: str) -> str:
    """What a rule demands, in the reader's language."""
    return _text_of(texts.explanation, code)


@register.filter
def code_fix(code: str) -> str:
    """What to do about a rule's findings, in the reader's language."""
    return _text_of(texts.fix, code)


@register.filter
def plain(value: str) -> str:
    """A cell's text on one line, with control and direction marks made visible."""
    return texts.plain(value)


@register.filter
def letter(index: int | None) -> str:
    """The spreadsheet letter of a column: 0 is A, 26 is AA."""
    if index is None:
        return ""
    letters, rest = "", index + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


@register.filter
def character(value: str | None) -> str:
    """A separator or quote character as words and sign; a dash for none."""
    names = {
        ";": _("semicolon"),
        ",": _("comma"),
        "\t": _("tab"),
        "|": _("bar"),
        " ": _("space"),
        None: _("none"),
        "": _("none"),
    }
    if value in (None, "", "\t", " "):
        return names[value]
    return f"{names[value]} {value}" if value in names else str(value)


@register.filter
def encoding_name(name: str | None) -> str:
    """An encoding as people know it: `cp1252` is Windows-1252."""
    known = {
        "cp1252": "Windows-1252",
        "utf-8": "UTF-8",
        "utf-8-sig": "UTF-8 (BOM)",
        "iso8859-1": "Latin-1",
        "latin-1": "Latin-1",
        "iso8859-15": "Latin-9",
        "mac-roman": "Mac Roman",
        "cp850": "DOS (CP850)",
        "utf-16": "UTF-16",
        "utf-16-le": "UTF-16 LE",
        "utf-16-be": "UTF-16 BE",
    }
    return known.get((name or "").lower().replace("_", "-"), name or "–")


@register.filter
def message(finding: Any) -> str:
    """A finding as one sentence in the reader's language."""
    return message_of(finding, reader_language())


@register.filter
def fix_state(finding: Finding, decisions: Decisions) -> str:
    """Whether a finding's proposed fix is `open` or `accepted`; empty where it has none."""
    if not has_fix(finding):
        return ""
    return "accepted" if decisions.includes(finding) else "open"


@register.simple_tag
def failure_sentence(code: str, params: dict[str, Any]) -> str:
    """Why a run could not be processed, in the reader's language."""
    return failures.sentence(code, params)


@register.filter
def counted_findings(count: int) -> str:
    """`1 finding`, `1,046 findings`; French takes the singular below two."""
    return ngettext("%(count)s finding", "%(count)s findings", count) % {"count": number(count)}


@register.filter
def counted_lines(count: int) -> str:
    """`1 line`, `289 lines`."""
    return ngettext("%(count)s line", "%(count)s lines", count) % {"count": number(count)}


@register.filter
def counted_rules(count: int) -> str:
    """`in 1 rule`, `in 9 rules`."""
    return ngettext("in %(count)s rule", "in %(count)s rules", count) % {"count": number(count)}


@register.simple_tag
def export_formats() -> list[exports.Format]:
    """What can be taken away from a completed run, in the order of the menu."""
    return exports.in_order()


@register.filter
def format_title(name: str) -> str:
    """What a file to download is called; the bare name where this version does not make it any more."""
    return str(exports.formats[name].title) if name in exports.formats else name


@register.simple_tag
def icon(name: str, css_class: str = "") -> SafeString:
    """An icon of our sprite, hidden from screen readers: the words beside it carry the meaning."""
    return format_html(
        '<svg class="icon {}" width="18" height="18" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        css_class,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def allowed(context: Context, permission: str) -> bool:
    """Whether the reader's role in the page's organization includes the permission."""
    request: Any = getattr(context, "request", None)
    organization = context.get("organization") or getattr(request, "organization", None)
    return bool(organization) and bool(request.user.has_perm(permission, organization))


def _text_of(text: Any, code: str) -> str:
    try:
        return str(text(code, reader_language()))
    except texts.UnknownCodeError:
        return code
