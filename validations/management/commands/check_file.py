"""`manage.py check_file`: the engine from the shell, with no database and no queue."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from validations.engine import outcome, texts
from validations.engine.options import Options
from validations.engine.outcome import Outcome, Wanted
from validations.engine.profile import Profile, ProfileError, load_profile

STRUCTURE_ONLY = "none"
DEFAULT_LIMIT = 1000
NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " ", "semicolon": ";", "comma": ",", "pipe": "|"}


class Command(BaseCommand):
    """Checks files and says what was found; the exit status is the worst of all files."""

    help = "Check billing files. Exit status: 0 clean, 1 findings, 2 not readable."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or folders of files")
        parser.add_argument(
            "--profile", default=settings.DEFAULT_PROFILE, help="a shipped profile, or 'none': structure only"
        )
        parser.add_argument("--codes", type=Path, help="a file of known act codes, one a line")
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument(
            "--cleaned", type=Path, metavar="OUT", help="where the parsed table goes: a file, or a folder"
        )
        parser.add_argument(
            "--limit", type=_count, default=DEFAULT_LIMIT, help="findings shown a file; 0 means all"
        )
        parser.add_argument("--language", choices=("en", "fr"), default="en")
        parser.add_argument("--encoding", help="instead of the one detected")
        parser.add_argument(
            "--delimiter", type=_delimiter, help="instead of the one detected; 'tab' and 'space' work"
        )
        parser.add_argument("--quotechar", help="instead of the one detected; empty for none")
        parser.add_argument(
            "--header-line", type=_count, help="the line of the header; 0 means that there is none"
        )
        parser.add_argument("--sheet", type=_count, help="the sheet of a workbook, the first being 1")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check each file in turn.

        Raises: CommandError when an argument is wrong; SystemExit with the exit status when it is not 0.
        """
        profile = _profile(options["profile"])
        how = _options(options)
        paths, many = _files(options["paths"])
        out: Path | None = options["cleaned"]
        if out is not None and (many or out.is_dir()):
            out.mkdir(parents=True, exist_ok=True)
        status = 0
        limit, language = options["limit"], options["language"]
        files = ((path, Wanted(limit, language, _cleaned(out, path))) for path in paths)
        for result in outcome.examine_all(files, profile, how):
            self._report(result, options["format"], language)
            status = max(status, result.status)
        if status:
            sys.exit(status)

    def _report(self, result: Outcome, form: str, language: str) -> None:
        if form == "json":
            self.stdout.write(json.dumps(result.document(), ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(result, language)))


def _cleaned(out: Path | None, path: Path) -> Path | None:
    """Where the cleaned table of a file goes."""
    return out / f"{path.name}_converted.csv" if out is not None and out.is_dir() else out


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ArgumentTypeError("must not be negative")
    return number


def _delimiter(text: str) -> str:
    mark = NAMED_DELIMITERS.get(text, text)
    if not mark or "\n" in mark or '"' in mark:
        raise ArgumentTypeError("is no delimiter")
    return mark


def _profile(name: str) -> Profile | None:
    if name == STRUCTURE_ONLY:
        return None
    try:
        return load_profile(name)
    except ProfileError as error:
        raise CommandError(str(error)) from None


def _options(given: dict[str, Any]) -> Options:
    codes = None
    if given["codes"] is not None:
        try:
            lines = given["codes"].read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            raise CommandError(f"{given['codes'].name}: the list of codes cannot be read") from None
        codes = frozenset(line.strip() for line in lines if line.strip())
    return Options(
        encoding=given["encoding"],
        delimiter=given["delimiter"],
        quotechar=given["quotechar"],
        header_line=given["header_line"],
        sheet=given["sheet"],
        codes=codes,
    )


def _files(given: list[Path]) -> tuple[list[Path], bool]:
    """The files meant, those of folders in order of name, and whether they were given as several."""
    paths: list[Path] = []
    for path in given:
        if path.is_dir():
            paths += sorted(
                entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")
            )
        else:
            paths.append(path)
    return paths, len(given) > 1 or given[0].is_dir()


def _lines(result: Outcome, language: str) -> list[str]:
    """The outcome for a reader at a terminal."""
    if result.reading is None:
        return [f"{result.path}: {result.error}"]
    reading = result.reading
    how = f"{reading.encoding}, {reading.delimiter!r}"
    if reading.sheet_number:
        how = f"{reading.kind}, sheet {reading.sheet_number}"
    head = f"{result.path}: {how}, {len(reading.columns)} × {reading.rows}"
    codes = [f"  {count:>8}  {code}: {texts.title(code, language)}" for code, count in result.by_code.items()]
    items = [
        f"  {item['severity']:<7} {item['line'] or '-'}:{item['column'] or '-'} {item['code']} — {item['message']}"
        for item in result.items
    ]
    return [head, *codes, *items]
