"""Why a run could not be processed, as a sentence that says what to do."""

from typing import Any

from django.utils.translation import gettext as _

from validations.engine.errors import UNREADABLE, UnreadableFileError
from validations.sentences import reader_language


def sentence(code: str, params: dict[str, Any]) -> str:
    """The reason of a failed run in the reader's language; the engine's codes carry their own texts."""
    if code in UNREADABLE:
        return UnreadableFileError(code, **params).sentence(reader_language())
    reasons = {
        "file-gone": _("The file is no longer stored. Send it again."),
        "file-changed": _("The stored file is damaged. Send it again."),
        "malware": _(
            "Our scanner found malware in the file. It was put away, and nobody can open it. Look after the computer "
            "that it came from."
        ),
        "scanner-limit": _(
            "The file is too large for our malware scanner. Split it into smaller files and send them."
        ),
        "scanner-away": _("The file could not be scanned for malware. Support was told; try again later."),
        "wrong-organization": _("This run does not belong to your organization."),
        "too_long": _("Checking the file took too long. Split it into smaller files and send them."),
        "storage": _("The disk of the server is full. The support team was told; try again later."),
    }
    return reasons.get(
        code,
        _("Something went wrong on our side, and the attempts are used up. Try again, or contact support."),
    )
