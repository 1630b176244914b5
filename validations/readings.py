"""How surely a file was read, in the words of its page."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from validations.models import ValidationRun

# Below the first, most of what was read so was right, but a look is worth it; below the second, it was a guess.
SURE, LIKELY = 0.9, 0.65
_PARTS = {
    "encoding": "encoding_confidence",
    "delimiter": "delimiter_confidence",
    "header_line": "header_confidence",
}


@dataclass(frozen=True, slots=True)
class Sureness:
    """How one thing was found out: `kind` is the look of its label; `percent` None where nothing was guessed."""

    label: str
    kind: str
    percent: int | None


def sureness(run: ValidationRun) -> dict[str, Sureness]:
    """How surely encoding, separator and line of the column names were told; runs of older versions tell none."""
    return {
        part: _of(float(run.reading[key]), is_set=part in run.options)
        for part, key in _PARTS.items()
        if key in run.reading
    }


def _of(confidence: float, *, is_set: bool) -> Sureness:
    if is_set:
        return Sureness(_("set by hand"), "accent", None)
    percent = round(confidence * 100)
    if confidence >= SURE:
        return Sureness(_("sure"), "ok", percent)
    if confidence >= LIKELY:
        return Sureness(_("likely"), "info", percent)
    return Sureness(_("uncertain"), "warning", percent)
