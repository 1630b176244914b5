"""`manage.py doctor`: what is wrong with this installation, why it matters, and what to do."""

import json
import sys
from argparse import ArgumentParser
from textwrap import fill
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs import doctor
from jobs.doctor import Examination, Finding, Level
from jobs.registry import UnknownNameError


class Command(BaseCommand):
    """Thin: runs the checks, prints their findings, and ends with the worst of them."""

    help = "Looks at Redis, database, clocks, storage, mail, workers, settings. Exit: 0 ok, 1 warnings, 2 errors."
    # They are one of the checks, and must not keep the others from being made.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options."""
        parser.add_argument("--json", action="store_true", help="for programs: one object with every finding")
        parser.add_argument(
            "--only", action="append", metavar="CHECK", help="this check alone; may be repeated"
        )
        parser.add_argument("--send-to", default="", metavar="ADDRESS", help="also send a test message there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found; the worst level is the exit status."""
        doctor.discover()
        examination = Examination(send_to=options["send_to"])
        findings: list[tuple[str, Finding]] = []
        try:
            for name, finding in doctor.examine(examination, options["only"]):
                findings.append((name, finding))
                if not options["json"]:
                    self._print(name, finding)
        except UnknownNameError as unknown:
            known = ", ".join(doctor.CHECKS)
            raise CommandError(f"{unknown.args[0]}; there are: {known}", returncode=2) from None
        worst = max((finding.level for _name, finding in findings), default=Level.OK)
        if options["json"]:
            self._print_json(worst, findings)
        else:
            self._sum_up([finding.level for _name, finding in findings])
        if worst != Level.OK:
            sys.exit(int(worst))

    def _print(self, name: str, finding: Finding) -> None:
        styles = {
            Level.OK: self.style.SUCCESS,
            Level.WARNING: self.style.WARNING,
            Level.ERROR: self.style.ERROR,
        }
        word = styles[finding.level](f"{finding.level.name.lower():8}")
        self.stdout.write(f"{word} {name:13} {finding.seen}")
        for label, text in (("why", finding.why), ("do", finding.action)):
            if text:
                indent = " " * 28
                self.stdout.write(fill(f"{' ' * 23}{label:4} {text}", width=110, subsequent_indent=indent))

    def _sum_up(self, levels: list[Level]) -> None:
        errors, warnings = levels.count(Level.ERROR), levels.count(Level.WARNING)
        if errors or warnings:
            self.stdout.write(f"\n{errors} error(s), {warnings} warning(s), {levels.count(Level.OK)} ok.")
        else:
            self.stdout.write("\nAll is well.")

    def _print_json(self, worst: Level, findings: list[tuple[str, Finding]]) -> None:
        body = {
            "status": worst.name.lower(),
            "findings": [
                {
                    "check": name,
                    "level": finding.level.name.lower(),
                    "seen": finding.seen,
                    "why": finding.why,
                    "do": finding.action,
                }
                for name, finding in findings
            ],
        }
        self.stdout.write(json.dumps(body, ensure_ascii=False, indent=2))
