"""`manage.py run`: the whole system on one machine."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.embedded_redis import EmbeddedRedisError
from config.processes import Write
from config.serving import ServingError, Site
from config.terminal import prefixed_lines


class Command(BaseCommand):
    """Web, workers and, where REDIS_URL is not set, a Redis of its own; Ctrl-C ends all of them."""

    help = "Serve the site: web, workers and, without REDIS_URL, a Redis of its own. Ctrl-C ends all of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen and how many workers to keep."""
        add_serving_arguments(parser)

    def handle(self, *_args: str, **options: Any) -> None:
        """Serve until told to stop."""
        with starting(options, prefixed_lines(sys.stdout)) as site:
            site.prepare()
            self.stdout.write(f"\nBordereau: {site.address}   Administration: {site.address}/admin/\n")
            self.stdout.write("Ctrl-C ends it. Demo people and a sample file: make demo\n")
            self.stdout.flush()
            site.serve()


@contextmanager
def starting(options: Mapping[str, Any], write: Write) -> Iterator[Site]:
    """A site by the command's options; its port and Redis are given back at the end.

    Raises: CommandError, when this machine cannot run it; the message says what to do.
    """
    try:
        site = Site(host=options["host"], port=options["port"], workers=options["workers"], write=write)
        with closing(site):
            yield site
    except (ServingError, EmbeddedRedisError) as error:
        raise CommandError(str(error)) from error


def add_serving_arguments(parser: ArgumentParser) -> None:
    """Add the options that `run` and `demo` share."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="first port to try; the next free one is taken"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=2,
        choices=range(1, 33),
        metavar="N",
        help="worker processes (default: 2)",
    )
