"""`manage.py seed_demo`: the people of the demo, without the demo."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from organizations.demo import new_password, seed_demo


class Command(BaseCommand):
    """Makes two demo organizations with a person in every role, and prints how they sign in."""

    help = "Make two demo organizations with a person in every role, and print how they sign in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The password, where it should be a known one."""
        parser.add_argument("--password", help="the password of all of them (default: a new random one)")

    def handle(self, *_args: str, **options: Any) -> None:
        """Seed and tell."""
        password = options["password"] or new_password()
        for person in seed_demo(password):
            self.stdout.write(f"{person.email:<28} {password}  {person.place}")
