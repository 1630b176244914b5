"""`manage.py demo`: the whole system, shown with a sample file whose errors are known."""

import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import DemoError, Story
from config.folders import write_once
from config.management.commands.run import add_serving_arguments, starting
from config.serving import Site
from config.terminal import KeptLines
from config.visitor import VisitError
from organizations.demo import PEOPLE, new_password, seed_demo


class Command(BaseCommand):
    """Shows the main job: sample, upload through the form, progress, findings; then serves the site."""

    help = "Serve the site with demo people, send a sample through the real form and show what was found."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen, how many workers, and whether to go on serving."""
        add_serving_arguments(parser)
        parser.add_argument(
            "--exit",
            action="store_true",
            dest="stop_after",
            help="end after the findings; 0 when all is well",
        )

    def handle(self, *_args: str, **options: Any) -> None:
        """Tell the story beside the site that it visits."""
        lines = KeptLines(sys.stdout)
        failures: list[str] = []
        with starting(options, lines.write) as site:
            self.stdout.write("Preparing the database and the people of the demo …")
            password = write_once(settings.VAR_DIR / "demo_password", new_password())
            site.prepare(seed=lambda: seed_demo(password))

            def tell() -> None:
                try:
                    Story(site.address, password, sys.stdout).tell()
                except (DemoError, VisitError) as error:
                    failures.append(str(error))
                    lines.show_kept()
                if failures or options["stop_after"]:
                    site.stop()
                else:
                    self._invite(site, password)
                    lines.open()

            story = threading.Thread(target=tell, daemon=True)
            story.start()
            site.serve()
            # Stopped by hand in the middle of the story: its next request finds nobody and ends it.
            story.join()
        if failures:
            raise CommandError(failures[0])

    def _invite(self, site: Site, password: str) -> None:
        """Say where to look and as whom."""
        self.stdout.write(f"\nBordereau: {site.address}   Administration: {site.address}/admin/\n")
        for person in PEOPLE:
            self.stdout.write(f"  {person.email:<26} {password}   {person.place}")
        self.stdout.write("\nCtrl-C ends it.")
