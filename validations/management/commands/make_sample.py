"""Write a made-up billing file with known mistakes."""

import argparse
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandParser

from validations.engine.sample import ENCODING, Truth, stream_sample


class Command(BaseCommand):
    """A seeded Quebec medical billing file: Windows-1252, semicolons, CRLF, French headers."""

    help = "Write a made-up billing file with ROWS lines, a share of them with a known mistake."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("rows", type=_count, metavar="ROWS", help="data rows")
        parser.add_argument(
            "--errors", type=_rate, default=0.01, metavar="RATE", help="share of rows with a mistake"
        )
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="same seed, same file")
        parser.add_argument(
            "--today", type=_day, default=None, metavar="DATE", help="day the file is made for"
        )
        parser.add_argument("--layout", choices=("full", "compact"), default="full", help="19 or 12 columns")
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="where to write it (default: standard output)"
        )
        parser.add_argument(
            "--truth", type=Path, metavar="FILE", help="where to write the planted mistakes, as JSON"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file and, where asked, the truth about it."""
        if options["output"] is None:
            with open(sys.stdout.fileno(), "w", encoding=ENCODING, newline="", closefd=False) as stream:
                truth = _write(stream, options)
        else:
            with options["output"].open("w", encoding=ENCODING, newline="") as stream:
                truth = _write(stream, options)
            self.stderr.write(
                f"{truth.rows} rows, {len(truth.planted)} planted mistakes: {options['output']}"
            )
        if options["truth"] is not None:
            with options["truth"].open("w", encoding="utf-8") as stream:
                truth.write(stream)


def _write(stream: IO[str], options: dict[str, Any]) -> Truth:
    today = options["today"] or datetime.now(UTC).date()
    return stream_sample(
        stream, options["rows"], options["errors"], options["seed"], today=today, layout=options["layout"]
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError("give a whole number")
    return int(text)


def _rate(text: str) -> float:
    """A share from 0 to 0.5; beyond that a file is no longer mostly right."""
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 0.5:
        raise argparse.ArgumentTypeError("give a number from 0 to 0.5")
    return rate


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give a date as YYYY-MM-DD") from None
