"""`manage.py unlock_sign_in EMAIL`: somebody who tried too often may try again at once."""

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.management.base import BaseCommand
from django.http import HttpRequest


class Command(BaseCommand):
    """Forgets the failed tries for an account; those of an address end by themselves after a minute."""

    help = "Let somebody sign in again who gave a wrong password too often (else it takes five minutes)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("email", help="the e-mail address of the account")

    def handle(self, *_args: str, **options: Any) -> None:
        """Forget."""
        request = HttpRequest()
        request.META |= {"SERVER_NAME": urlsplit(settings.SITE_URL).hostname or "", "SERVER_PORT": "443"}
        request.META |= {"HTTP_HOST": urlsplit(settings.SITE_URL).netloc, "REMOTE_ADDR": "127.0.0.1"}
        get_adapter(request).forget_failed_tries(request, options["email"])
        self.stdout.write("The account may be tried again.")
